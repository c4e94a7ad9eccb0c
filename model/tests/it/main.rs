//! Tests of the trainer as its users see it. One binary: linking against libtorch is slow.

mod architectures;
mod config;
mod fixture;
mod forward;
mod weights;
mod yaml;
