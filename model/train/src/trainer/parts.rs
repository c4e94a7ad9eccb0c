//! Parts of a trainer that can be others than the reference's.

use crate::optim::groups::{Rule, multipliers};

/// What a trainer is made of, beside its config and its ranks: see [`Trainer::with_parts`](super::Trainer::with_parts).
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// What gives each parameter the multipliers of its learning rate and weight decay.
    pub multipliers: Rule,
    /// Whether each block casts RoPE's tables to the dtype of its activations: FSDP2 casts all floating-point inputs of a block. The
    /// reference's program thus rotates queries and keys in fp32 in an fp32 run; its plain modules, which golden sets record in
    /// fp32, rotate them in bf16. No difference in bf16.
    pub casts_tables: bool,
}

impl Parts {
    /// Those of the reference's training program.
    pub fn of_program() -> Self {
        Self { casts_tables: true, ..Self::default() }
    }
}

/// Those of the reference's plain modules.
impl Default for Parts {
    fn default() -> Self {
        Self { multipliers, casts_tables: false }
    }
}
