//! Sharded data parallel on one machine: `cargo ci bench ranks`.
//!
//! One rank with all cores, and several with a share of them each, train the recipe of a committed golden set with the same global
//! batch, in fp32 and on all that the processor has. They take turns, each round in processes of its own, which the trainer's
//! launcher starts and ends; only their steps are on the clock.

mod arguments;
mod rank;
mod summary;
mod workload;

pub use arguments::Arguments;
pub use rank::Measured;
pub use summary::text;
pub use workload::{Figures, Ranks, Round};

use crate::failure::{Failure, USAGE};
use crate::json::write_json;
use crate::process::Program;
use crate::rounds::Rounds;

/// Measures, and shows the figures; with `--as-rank`, measures as one rank.
///
/// # Errors
/// A rank fails, or ranks cannot share the recipe's batch.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(folder) = &arguments.as_rank {
        return rank::measure_into(folder, arguments);
    }
    let images = arguments.recipe.images();
    if let Some(odd) = arguments.ranks.iter().find(|&&ranks| images % i64::from(ranks) != 0) {
        let message = format!("{odd} ranks cannot share {images} images");
        return Err(Failure::new(USAGE, message, "take another --recipe, or other --ranks"));
    }
    let mut program = Program::this()?;
    program.arguments.extend(std::env::args_os().skip(1));
    program.arguments.push("--as-rank".into());
    let workloads: Vec<Ranks> =
        arguments.ranks.iter().map(|&ranks| Ranks { ranks, program: program.clone() }).collect();
    let number = arguments.rounds;
    let rounds = Rounds::in_turn(&workloads, number, |round, it, done| {
        eprintln!("round {round} of {number}, {} ranks: {:.3} steps/s", it.ranks, done.rate());
    })?;
    let figures = |(it, rounds): (&Ranks, _)| Figures { ranks: it.ranks, rounds };
    let all: Vec<Figures> = workloads.iter().zip(rounds).map(figures).collect();
    print!("{}", text(arguments, &all));
    write_json(arguments.json.as_deref(), &serde_json::json!(all))
}
