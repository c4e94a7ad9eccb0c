//! Tests of the trainer as its users see it. One binary: linking against libtorch is slow.

mod architectures;
mod checkpoints;
mod fixture;
mod forward;
mod hooks;
#[cfg(unix)]
mod launch;
mod leaks;
#[cfg(unix)]
mod ranks;
mod step;
mod training;
mod weights;
