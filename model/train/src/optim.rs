//! Optimisation: groups of parameters, AdamW, and the clipping of gradients.

pub mod adamw;
pub mod clip;
pub mod groups;

pub use adamw::AdamW;
pub use groups::{Multipliers, multipliers};
