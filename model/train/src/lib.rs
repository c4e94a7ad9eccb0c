//! The DINOv3 trainer: schedules, optimizer, sharding over ranks, one step after another, weights on disk.
//!
//! The same ops in the same order as `facebookresearch/dinov3` at commit `cb054165`. Not here: goldens, verdicts, reports.

pub mod checkpoint;
pub mod meters;
pub mod metrics;
pub mod micro;
pub mod optim;
pub mod phases;
pub mod run;
pub mod schedule;
pub mod shard;
pub mod state;
mod trainer;
pub mod weights;

pub use state::{State, StateError, Stateful};
pub use trainer::{Part, Parts, SUBMODULES, StepLog, TrainError, Trainer};
