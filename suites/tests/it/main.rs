//! The suites against the committed golden sets. One binary: linking against libtorch is slow.

mod candidates;
mod data;
mod dumps;
mod fixture;
mod forced;
mod fused;
mod identity;
mod performance;
mod plants;
mod sentences;
mod training;
mod weights;
