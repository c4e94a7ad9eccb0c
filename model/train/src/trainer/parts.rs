//! Parts of a trainer that can be others than the reference's.

use crate::optim::groups::{Rule, multipliers};

/// What a trainer is made of, beside its config and its ranks: see [`Trainer::with_parts`](super::Trainer::with_parts).
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// What gives each parameter the multipliers of its learning rate and weight decay.
    pub multipliers: Rule,
}

/// The reference's.
impl Default for Parts {
    fn default() -> Self {
        Self { multipliers }
    }
}
