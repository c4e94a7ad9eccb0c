//! The DINOv3 trainer: schedules, optimizer, sharding over ranks, one step after another, weights on disk.
//!
//! The ops and their order are those of `facebookresearch/dinov3` at commit `cb054165`. Golden sets, verdicts and reports are not here.

pub mod checkpoint;
pub mod meters;
pub mod micro;
pub mod optim;
pub mod phases;
pub mod products;
pub mod run;
pub mod schedule;
pub mod shard;
pub mod state;
mod trainer;
pub mod weights;

pub use state::{State, StateError, Stateful};
pub use trainer::{Part, Parts, SUBMODULES, StepLog, TrainError, Trainer, of_teacher, submodule_of};
