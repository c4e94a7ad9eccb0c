//! Decoding and augmentation beside the reference's: `cargo ci bench augment -- --reference PATH`.
//!
//! Both sides turn the same 500x375 JPEG files into two crops of 224 pixels and eight of 96, drawn from the same seed. They
//! take turns. Nothing is timed unless their first crops are the same bits: the figures would be of two different programs.
//! The reference's side makes the files; without it ours reads the photographs that they are cut from.

mod arguments;
mod ours;
mod summary;
mod workload;

pub use arguments::Arguments;
pub use summary::{json, text};
pub use workload::{Augment, Round};

use crate::failure::Failure;
use crate::json::write_json;
use crate::rounds::Rounds;

/// Measures, and shows the figures.
///
/// # Errors
/// A side fails, or the two sides make different crops.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { rounds: number, threads, .. } = *arguments;
    let workload = Augment::new(arguments)?;
    let rounds = Rounds::take(&workload, number, |round, done| {
        let theirs = done.reference.map_or(String::new(), |rate| format!(", the reference {rate:.1}"));
        eprintln!("round {round} of {number}: {:.1} images/s, {:.1} on {threads} threads{theirs}", done.one, done.many);
    })?;
    print!("{}", text(threads, &rounds));
    write_json(arguments.common.json.as_deref(), &json(threads, &rounds))
}
