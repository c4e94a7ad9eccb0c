//! Workloads, timing and comparison: how fast we are, and how fast the reference is at the same work.
//!
//! The benchmarks of `cargo ci bench` call this library, and each of them is a door to one of its modules.
//!
//! * [`augment`], [`prepare`] and [`pixels`] are workloads of `dinov3-data`; [`compare`] is one of `dinov3-golden`. They know no
//!   libtorch.
//! * `step`, `train` and `ranks` are workloads of the trainer, under the feature `torch`.
//!
//! Four modules are common to all of them:
//!
//! * [`rounds`]: a [`Workload`] is timed in rounds, the sides of a round one right after the other. A figure is shown as the median
//!   over the rounds with its range, and a ratio is taken round by round: what slows the machine down for a while slows both sides.
//! * [`process`]: a side in a process of its own, whose figures are a line of JSON. [`Reference`] starts the reference's side, a
//!   Python program in `suites/perf/reference/`; `golden/export/dinov3_export/beside.py` is what those programs share.
//! * [`table`]: what a person reads. [`json`]: the same for a program.
//! * [`failure`]: how a benchmark ends that has no figures. Two sides that do different work are not compared.

pub mod arguments;
pub mod augment;
pub mod compare;
pub mod failure;
pub mod json;
pub mod pixels;
pub mod prepare;
pub mod process;
#[cfg(all(feature = "torch", unix))]
pub mod ranks;
mod reference;
pub mod rounds;
#[cfg(feature = "torch")]
pub mod step;
pub mod table;
#[cfg(feature = "torch")]
pub mod train;
#[cfg(feature = "torch")]
pub mod training;

pub use failure::Failure;
pub use reference::Reference;
pub use rounds::{Rounds, Spread, Workload};
