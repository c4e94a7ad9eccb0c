//! The training step beside the reference's: `cargo ci bench step -- --reference PATH`.
//!
//! Both sides train the recipe of a committed golden set on the same batches with the same number of threads, in fp32 and on
//! all that the processor has (no pins). They take turns, each round in a process of its own, and only their steps are on
//! the clock. A round whose first losses differ ends the benchmark: the figures would be of two different programs.

mod arguments;
mod measured;
mod ours;
mod summary;
#[cfg(test)]
mod tests;
mod workload;

pub use arguments::{Arguments, Side};
pub use measured::{Measured, Products};
pub use ours::measure;
pub use summary::{Figures, json, text};
pub use workload::{Round, Steps};

use crate::failure::{Failure, USAGE};
use crate::json::write_json;
use crate::process::Program;
use crate::reference::Reference;
use crate::rounds::Rounds;

/// Measures, and shows the figures; with `--side`, measures one side and prints a line of JSON.
///
/// # Errors
/// A side fails, or the two sides compute different losses.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let recipes = arguments.recipes();
    if arguments.side == Some(Side::Ours) {
        let [recipe] = recipes[..] else {
            return Err(Failure::new(USAGE, "--side measures one recipe", "name it with --recipe"));
        };
        println!("{}", serde_json::json!(measure(recipe, arguments.threads)?));
        return Ok(());
    }
    let reference = Reference::find(&arguments.common, "step.py")?;
    let ours = Program::this()?;
    let measured = recipes.into_iter().map(|recipe| {
        let (ours, reference) = (ours.clone(), reference.clone());
        in_rounds(&Steps { recipe, threads: arguments.threads, ours, reference }, arguments.rounds)
    });
    let all = measured.collect::<Result<Vec<_>, _>>()?;
    print!("{}", text(&all));
    write_json(arguments.common.json.as_deref(), &json(&all))
}

fn in_rounds(steps: &Steps, number: u32) -> Result<Figures, Failure> {
    let name = steps.recipe.name();
    let rounds = Rounds::take(steps, number, |round, done| {
        let theirs = done.reference.as_ref().map_or(String::new(), |it| format!(", the reference {:.3}", it.rate()));
        eprintln!("{name}, round {round} of {number}: {:.3} steps/s{theirs}", done.ours.rate());
    })?;
    Ok(Figures { recipe: steps.name(), rounds })
}
