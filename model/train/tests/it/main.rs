//! Tests of the trainer as its users see it. One binary: linking against libtorch is slow.

mod architectures;
mod checkpoints;
mod fixture;
mod forward;
mod hooks;
mod phases;
mod run;
mod state;
mod training;
mod weights;
