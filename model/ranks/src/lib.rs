//! Ranks that compute one step together, and their collectives (`dinov3/distributed`).
//!
//! Losses, gradients and metrics reduce over a [`Group`]. [`Alone`] is one process. [`threads`] are ranks within one process, which replay
//! golden sets of several ranks. A [`ProcessGroup`] has one process per rank.

mod backend;
mod env;
mod error;
pub mod launch;
mod ops;
mod pending;
mod process;
mod ring;
mod threads;

use std::fmt;

use tch::{Tensor, no_grad};

use self::ops::Plan;

pub use backend::Backend;
pub use dinov3_torch::plugin::PluginError;
pub use env::{Env, EnvError};
pub use error::{Collective, Failure, GroupError};
pub use ops::{PremulSum, ReduceOp};
pub use pending::Pending;
pub use process::{GroupOptions, Options, ProcessGroup};
pub use ring::Within;
pub use threads::{threads, threads_in_turn};

/// The ranks of a run, seen from one of them. Every rank makes the same calls in the same order.
pub trait Group: fmt::Debug + Send + Sync {
    /// This rank, from 0.
    fn rank(&self) -> usize;

    /// The number of ranks.
    fn size(&self) -> usize;

    /// `all_gather`: the tensors of all ranks, in the order of the ranks, without gradients. Shapes may differ.
    ///
    /// # Errors
    /// When a rank is gone.
    fn all_gather(&self, tensor: &Tensor) -> Result<Vec<Tensor>, GroupError>;

    /// `all_reduce(SUM)`, in place.
    ///
    /// # Errors
    /// As [`all_reduce`](Self::all_reduce).
    fn all_reduce_(&self, tensor: &mut Tensor) -> Result<(), GroupError> {
        self.all_reduce(tensor, ReduceOp::Sum)
    }

    /// `all_reduce`, in place, in the order of Gloo's ring, as in the reference on the CPU: with n ranks, the c-th nth of the flat tensor is
    /// summed from rank c - 1 downwards, cyclically, and ends with rank c; each addition is rounded to the dtype. Two ranks give the same as a
    /// sum in the order of ranks. Other backends have their own orders. After an error, the values of the tensor are undefined.
    ///
    /// # Errors
    /// If a rank is gone or late, the tensor cannot be exchanged, or the op has no result.
    fn all_reduce(&self, tensor: &mut Tensor, op: ReduceOp) -> Result<(), GroupError> {
        if self.size() == 1 && op == ReduceOp::Sum {
            return Ok(());
        }
        let plan = emulated(Collective::AllReduce, op, tensor, self.rank(), self.size())?;
        let parts = self.all_gather(tensor)?;
        no_grad(|| tensor.copy_(&ring::reduced(&parts, &plan)));
        Ok(())
    }

    /// Starts `all_gather_into_tensor`: `[n, ...]` on each rank gives `[size * n, ...]`, without gradients. The tensor must not change before
    /// the wait for the result returns.
    ///
    /// # Errors
    /// When a rank is gone, or the tensor cannot be exchanged.
    fn start_all_gather(&self, tensor: &Tensor) -> Result<Pending, GroupError> {
        Ok(Tensor::cat(&self.all_gather(tensor)?, 0).into())
    }

    /// Starts the same into `output`, contiguous, `[size * n, ...]`, and gives `output`. Nothing may touch it before the wait for the result
    /// returns.
    ///
    /// # Errors
    /// As [`start_all_gather`](Self::start_all_gather).
    fn start_all_gather_into(&self, tensor: &Tensor, output: &Tensor) -> Result<Pending, GroupError> {
        let all = self.start_all_gather(tensor)?.wait()?;
        no_grad(|| output.shallow_clone().copy_(&all));
        Ok(output.shallow_clone().into())
    }

    /// Starts `reduce_scatter_tensor`: reduces `[size * n, ...]` and gives this rank's `[n, ...]`. The tensor must not change before the wait
    /// for the result returns.
    ///
    /// # Errors
    /// If a rank is gone, the tensor cannot be exchanged or cut, or the op has no result.
    fn start_reduce_scatter(&self, tensor: &Tensor, op: ReduceOp) -> Result<Pending, GroupError> {
        self.start_reduce_scatter_within(tensor, op, &Within::itself(tensor.numel() / self.size()))
    }

    /// Starts the same for a part of a larger tensor, with the bits that the part has when the larger tensor is reduced and scattered at once.
    /// A backend other than Gloo may add in another order.
    ///
    /// # Errors
    /// As [`start_reduce_scatter`](Self::start_reduce_scatter).
    fn start_reduce_scatter_within(
        &self,
        tensor: &Tensor,
        op: ReduceOp,
        within: &Within,
    ) -> Result<Pending, GroupError> {
        const CALL: Collective = Collective::ReduceScatter;
        let (rank, size) = (self.rank(), self.size());
        let plan = emulated(CALL, op, tensor, rank, size)?;
        let rows =
            rows_of_chunk(&tensor.size(), size).map_err(|failure| GroupError { rank, collective: CALL, failure })?;
        let all = self.all_gather(tensor)?;
        no_grad(|| {
            let own = |it: &Tensor| plan.before(&it.detach().narrow(0, rows * rank as i64, rows)).view([-1]);
            let pieces: Vec<Tensor> = all.iter().map(own).collect();
            let mut shape = tensor.size();
            shape[0] = rows;
            let sum = ring::scattered(&pieces, rank, within, plan.reduce);
            // With one rank, the piece may be the caller's own tensor.
            let mut chunk = if size == 1 { sum.copy() } else { sum }.view(shape.as_slice());
            plan.after(&mut chunk);
            Ok(chunk.into())
        })
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

/// A reduction for ranks that have each other's tensors and add up by themselves.
fn emulated(
    collective: Collective,
    op: ReduceOp,
    tensor: &Tensor,
    rank: usize,
    size: usize,
) -> Result<Plan, GroupError> {
    Plan::new(op, PremulSum::Emulated, tensor.kind(), size).map_err(|failure| GroupError { rank, collective, failure })
}

/// The rows of one of `ranks` equal chunks along the first dimension.
fn rows_of_chunk(shape: &[i64], ranks: usize) -> Result<i64, Failure> {
    match shape.first() {
        Some(first) if first % ranks as i64 == 0 => Ok(first / ranks as i64),
        _ => {
            let message = format!("{shape:?} cannot be cut into {ranks} equal chunks along its first dimension");
            Err(Failure::Mismatch { message })
        }
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

    fn start_all_gather(&self, tensor: &Tensor) -> Result<Pending, GroupError> {
        Ok(tensor.detach().into())
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
        let row = value.view([1]);
        let chunk = Alone.start_reduce_scatter(&row, ReduceOp::Avg).unwrap().wait().unwrap();
        assert_eq!(chunk, row);
        assert_ne!(chunk.data_ptr(), row.data_ptr(), "what is divided is not the caller's");
    }
}
