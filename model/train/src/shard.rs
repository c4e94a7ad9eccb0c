//! Fully sharded data parallel, with the meaning of the reference's FSDP2 set-up (`dinov3/fsdp/ac_compile_parallelize.py`; Zhao et al.,
//! 2023): each rank keeps its rows of every parameter, in fp32, and the state that the optimizer has for them.
//!
//! What computes together is a *unit*: a block, a head, the rest of the backbone. A unit's parameters are gathered, in the dtype that
//! computes, when its forward begins, while the unit before it computes. They stay until its gradients are there (`SHARD_GRAD_OP`, the
//! reference's strategy), or are gathered once more for backward. A unit's gradients are reduced and scattered as soon as backward has
//! left it, while that of the units before it goes on.

mod exchange;
mod layout;
mod ledger;
mod parameters;
mod unit;

use std::sync::Arc;

use thiserror::Error;

pub(crate) use parameters::{Arithmetic, Parameters};

use dinov3_ranks::{Group, GroupError, ReduceOp};
use dinov3_torch::shim::ShimError;

/// Why sharded parameters could not be gathered, or their gradients not be reduced.
#[derive(Debug, Error)]
pub enum ShardError {
    /// A rank is gone.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// libtorch threw.
    #[error(transparent)]
    Shim(#[from] ShimError),
}

/// Over which ranks a trainer is sharded, and how.
#[derive(Clone, Debug)]
pub struct Sharding {
    /// The ranks that train the student.
    pub group: Arc<dyn Group>,
    /// All ranks of the run: they load the batches, and the learning rate is scaled by their number. Several students, each with a group of its
    /// own, share the frozen teacher over all of them.
    pub all: Arc<dyn Group>,
    /// Whether parameters go as soon as forward has left their unit, to be gathered once more for backward: a rank then never has more
    /// than two units of the student as a whole. Costs one more gather a step, and changes no bit.
    pub reshard_after_forward: bool,
    /// What gradients are put together by: PREMUL_SUM(1), FSDP2's with a divide factor of one.
    pub gradient_op: ReduceOp,
}

impl Sharding {
    /// The reference's strategy over these ranks, who are all of the run.
    pub fn over(group: Arc<dyn Group>) -> Self {
        Self::of_student(Arc::clone(&group), group)
    }

    /// The same for a student whose ranks are some of the run's.
    pub fn of_student(group: Arc<dyn Group>, all: Arc<dyn Group>) -> Self {
        Self { group, all, reshard_after_forward: false, gradient_op: ReduceOp::PremulSum(1.0) }
    }

    /// Of a network that all students share.
    pub(crate) fn over_all(&self) -> Self {
        Self { group: Arc::clone(&self.all), ..self.clone() }
    }
}
