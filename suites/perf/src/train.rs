//! The training program beside its own bare steps, and beside the reference's program: `cargo ci bench train -- --reference PATH`.
//!
//! Four sides train the recipe `micro-125k` on the photographs on board, in turn, each round in a process of its own: the trainer and the
//! loader alone (`bare`); the program with log, figures and checkpoints in the background (`program`); the same under the eyes of the suite
//! `performance` (`watched`); and the reference's own program. Only their iterations are on the clock.

mod arguments;
mod ours;
mod summary;
#[cfg(test)]
mod tests;
mod watch;
mod workload;

pub use arguments::{Arguments, Side};
pub use ours::measure;
pub use summary::{json, text};
pub use workload::{Measured, Round, Sides};

use crate::failure::Failure;
use crate::json::write_json;
use crate::process::Program;
use crate::reference::Reference;
use crate::rounds::Rounds;

/// Measures, and shows the figures; with `--side`, measures one side and prints a line of JSON.
///
/// # Errors
/// A side fails, or two sides compute different losses.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(side) = arguments.side {
        println!("{}", serde_json::json!(measure(side, arguments)?));
        return Ok(());
    }
    let reference = Reference::find(&arguments.common, "train.py")?;
    let images = ours::images()?;
    let sides = Sides { arguments, ours: Program::this()?, reference, images: images.path() };
    let rounds = Rounds::take(&sides, arguments.rounds, |round, done| {
        eprintln!(
            "round {round} of {}: {:.1} steps/s of {:.1}",
            arguments.rounds,
            done.program.rate(),
            done.bare.rate()
        );
    })?;
    print!("{}", text(&rounds));
    write_json(arguments.common.json.as_deref(), &json(&rounds))
}
