//! Runs of anybody, laid beside each other and beside what was published.
//!
//! * [`read`](fn@read) makes a [`Side`] of a report, a run's folder, a log, or a published row.
//! * [`compare`] holds the others against the first: speed with its interval, whether the losses follow, where the difference goes.
//! * [`gate`] holds a run against one that was accepted before.
//! * [`history`](mod@history) follows figures over many runs.
//! * [`scaling`] says how the speed grows with the number of cards.
//! * [`told`] puts the verdict on a run into the words of a report.
//!
//! The crate needs no libtorch: a comparison is arithmetic on figures that runs have left behind.

mod compared;
mod error;
mod figures;
pub mod gate;
pub mod history;
mod log;
mod ratio;
mod read;
pub mod scaling;
mod sections;
mod side;
pub mod told;

pub use compared::{Options, compare, losses};
pub use error::CompareError;
pub use read::{logs, read};
pub use side::{Origin, Side};

/// The name of the suite that a comparison is in reports.
pub const SUITE: &str = "compare";

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
