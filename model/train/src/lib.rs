//! The DINOv3 trainer: schedules, optimizer, sharding over ranks, one step after another, weights on disk.
//!
//! The same ops in the same order as `facebookresearch/dinov3` at commit `cb054165`. Not here: goldens, verdicts, reports.

pub mod metrics;
pub mod optim;
pub mod schedule;
pub mod shard;
mod trainer;
pub mod weights;

pub use trainer::{Parts, SUBMODULES, StateError, StepLog, TrainError, TrainState, Trainer};
