//! Step times: the published scripts' figure, the honest one beside it, and whether either can be trusted.
//!
//! * [`lines`] reads the times of a log, [`stretches`] the steps that they stand for.
//! * [`script`] is the arithmetic of the published scripts, to the last digit that their `awk` prints.
//! * [`steps`] is the median of all steps that count, with its interval, and names the steps that do not count.
//! * [`window`] says which steps the published figure covers, and what is special about them.
//! * [`doubts`] says why a figure is not to be trusted.
//! * [`slower`] says whether a run is slower than accepted ones beyond their noise, and whether that could have been found.
//!
//! A figure of speed is of no use without its definition: five lines of a log are at most a hundred steps, and of a full
//! run the last of these steps exports the teacher.

mod awk;
mod cadence;
mod lines;
mod repeats;
mod script;
mod slower;
mod steps;
mod trust;
mod window;

pub use cadence::{Cadence, Reason};
pub use lines::{Line, Stretch, lines, stretches};
pub use script::{IMAGES, Script, script};
pub use slower::{Slower, Timed, error_of, slower};
pub use steps::{Excluded, Speed, steps};
pub use trust::{Clock, Doubt, Evidence, Flag, Machine, doubts};
pub use window::{Special, Window, window};

#[cfg(test)]
mod tests;
