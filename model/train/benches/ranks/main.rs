//! The benchmark of sharded data parallel on one machine: `cargo ci bench ranks`.
//!
//! One rank with all cores, and several with a share of them each, train the recipe of a committed golden set with the same global batch, in
//! fp32 and on all that the processor has. They take turns, each round in processes of their own; only their steps are on the clock.

mod driver;
mod rank;
mod summary;

#[path = "../step/batches.rs"]
mod batches;
#[path = "../step/memory.rs"]
mod memory;
#[path = "../step/recipe.rs"]
mod recipe;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use dinov3_beside::{Failure, write_json};

use recipe::Recipe;

/// Times training steps over several ranks of this machine beside those of one, with the same global batch.
#[derive(Debug, Parser)]
#[command(name = "cargo ci bench ranks --", bin_name = "cargo ci bench ranks --")]
pub struct Arguments {
    /// What to train.
    #[arg(long, value_enum, default_value = "vit_small")]
    pub recipe: Recipe,
    /// How many ranks; repeatable. Each number must divide the recipe's batch. 1 and 2 by default.
    #[arg(long, value_name = "N", default_values_t = [1, 2], value_parser = clap::value_parser!(u32).range(1..))]
    pub ranks: Vec<u32>,
    /// How often each number of ranks is timed, in turn.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Threads of all ranks together; each has an equal share, one at least.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: u32,
    /// Gather parameters once more for backward, in place of keeping them.
    #[arg(long)]
    pub reshard: bool,
    /// Also write the figures here.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Train as the rank that the environment names, and print a line of JSON.
    #[arg(long, hide = true)]
    pub as_rank: bool,
    /// Given by `cargo bench` to every benchmark.
    #[arg(long, hide = true)]
    pub bench: bool,
}

fn main() -> ExitCode {
    Failure::exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.as_rank {
        println!("{}", serde_json::json!(rank::measure(arguments)?));
        return Ok(());
    }
    let all = driver::measure(arguments)?;
    print!("{}", summary::text(arguments, &all));
    write_json(arguments.json.as_deref(), &serde_json::json!(all))
}
