//! The training program: what `dinov3/train/train.py` of `facebookresearch/dinov3` does at commit `cb054165` around its steps.
//!
//! A [`Plan`] is what was asked for, checked; [`Plan::train`] writes `config.yaml`, `logs/log.txt`, `training_metrics.json`, checkpoints and
//! exports of the teacher, and takes the steps of the trainer's loop ([`dinov3_train::run`]). No tensor crosses this interface.

mod append;
mod asked;
mod banner;
mod error;
mod export;
mod images;
mod job;
mod journal;
mod links;
mod measure;
mod nudge;
mod parts;
pub mod photographs;
mod program;
mod progress;
mod python;
mod ratios;
mod recipe;
mod saving;
mod set_up;
mod slurm;
mod stop;
mod students;
mod table;
mod tensorboard;
mod trace;

pub use asked::{Asked, Plan, Resume};
pub use error::{Cause, ProgramError};
pub use job::Job;
pub use journal::Aside;
pub use links::Links;
pub use measure::{Facts, Measure, Measurer, Network, Only};
pub use program::{Outcome, Screen};
pub use progress::Live;
pub use recipe::{RECIPES, Recipe, Source};
pub use trace::{STATES, STEPS};
