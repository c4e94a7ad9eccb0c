//! What the workloads of the trainer have in common: recipes, batches, memory.

mod batches;
mod memory;
mod recipe;

pub use batches::{FP32, draw};
pub use memory::peak_bytes;
pub use recipe::{BATCHES, ITERATION, Recipe, Recorded};
