//! The benchmark of the training step against the reference: `cargo ci bench step -- --reference PATH`.
//!
//! Both sides train the recipe of a committed golden set on the same batches with the same number of threads, in fp32 and on
//! all that the processor has (no pins). They take turns, each round in a process of its own, and only their steps are on
//! the clock. A round whose first losses differ ends the benchmark: the figures would be of two different programs.

mod batches;
mod cli;
mod driver;
mod measured;
mod memory;
mod ours;
mod recipe;
mod summary;
mod work;

use std::process::ExitCode;

use clap::Parser;
use dinov3_beside::{Failure, USAGE, write_json};

use cli::{Arguments, Side};
use driver::Driver;

fn main() -> ExitCode {
    Failure::exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let recipes = arguments.recipes();
    if arguments.side == Some(Side::Ours) {
        let [recipe] = recipes[..] else {
            return Err(Failure::new(USAGE, "--side measures one recipe", "name it with --recipe"));
        };
        println!("{}", serde_json::json!(ours::measure(recipe, arguments.threads)?));
        return Ok(());
    }
    let driver = Driver::new(arguments)?;
    let all =
        recipes.into_iter().map(|recipe| driver.measure(recipe, arguments.rounds)).collect::<Result<Vec<_>, _>>()?;
    print!("{}", summary::text(&all));
    write_json(arguments.beside.json.as_deref(), &summary::json(&all))
}
