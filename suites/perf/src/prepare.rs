//! ImageNet's tables beside the reference's `dump_extra`: `cargo ci bench prepare -- --reference PATH`.
//!
//! Both sides make the tables of the same generated tree, in turn, and must write the same bytes. The clock of the reference's side
//! runs during `dump_extra` alone, without Python's start and imports; the clock of our side runs until the tables are on the
//! disk (the reference leaves them to the kernel).

mod arguments;
mod summary;
mod tree;
mod workload;

pub use arguments::Arguments;
pub use summary::{json, text};
pub use workload::{Prepare, Round};

use crate::failure::Failure;
use crate::json::write_json;
use crate::rounds::Rounds;

/// Measures, and shows the figures.
///
/// # Errors
/// A side fails, or the two sides write different tables.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let number = arguments.rounds;
    let rounds = Rounds::take(&Prepare::new(arguments)?, number, |round, done| {
        let theirs = done.reference.map_or(String::new(), |seconds| format!(", the reference {seconds:.3} s"));
        eprintln!("round {round} of {number}: {:.3} s{theirs}", done.ours);
    })?;
    print!("{}", text(arguments, &rounds));
    write_json(arguments.common.json.as_deref(), &json(arguments, &rounds))
}
