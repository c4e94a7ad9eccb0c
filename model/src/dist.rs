//! Ranks that compute one step together, and what they exchange (`dinov3/distributed`).
//!
//! A [`Group`] is what the losses, the gradients and the metrics reduce over. [`Alone`] is one process; [`threads`] are ranks
//! within one process, which golden sets of several ranks are replayed with; a [`ProcessGroup`] is one process a rank.

mod env;
mod error;
pub mod launch;
mod ops;
mod planted;
mod process;
mod threads;

use std::fmt;

use tch::{Tensor, no_grad};

pub use env::{Env, EnvError};
pub use error::{Collective, Failure, GroupError};
pub use ops::{PremulSum, ReduceOp};
pub use process::{Backend, Options, Pending, ProcessGroup};
pub use threads::threads;

/// The ranks of a run, seen from one of them. Every rank makes the same calls in the same order.
pub trait Group: fmt::Debug + Send + Sync {
    /// This rank, from 0.
    fn rank(&self) -> usize;

    /// The number of ranks.
    fn size(&self) -> usize;

    /// `all_gather`: the tensor of every rank, in their order, without gradients. Shapes may differ.
    ///
    /// # Errors
    /// When a rank is gone.
    fn all_gather(&self, tensor: &Tensor) -> Result<Vec<Tensor>, GroupError>;

    /// `all_reduce(SUM)`, in place. Added in the order of the ranks, unless the group says otherwise.
    ///
    /// # Errors
    /// When a rank is gone.
    fn all_reduce_(&self, tensor: &mut Tensor) -> Result<(), GroupError> {
        if self.size() == 1 {
            return Ok(());
        }
        let parts = self.all_gather(tensor)?;
        no_grad(|| {
            // Not in place: the other ranks hold the same parts.
            tensor.copy_(&parts[1..].iter().fold(parts[0].shallow_clone(), |sum, part| sum + part));
        });
        Ok(())
    }

    /// `all_reduce(AVG)`, as a new tensor.
    ///
    /// # Errors
    /// When a rank is gone.
    fn mean(&self, tensor: &Tensor) -> Result<Tensor, GroupError> {
        let mut sum = tensor.detach().copy();
        self.all_reduce_(&mut sum)?;
        Ok(if self.size() == 1 { sum } else { sum / self.size() as f64 })
    }
}

/// One rank.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Group for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn all_gather(&self, tensor: &Tensor) -> Result<Vec<Tensor>, GroupError> {
        Ok(vec![tensor.detach()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alone_nothing_changes() {
        let mut value = Tensor::from(0.1);
        Alone.all_reduce_(&mut value).unwrap();
        assert_eq!(value.double_value(&[]), 0.1);
        assert_eq!(Alone.mean(&value).unwrap().double_value(&[]), 0.1);
    }
}
