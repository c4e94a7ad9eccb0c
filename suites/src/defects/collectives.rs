//! Defects of a group of ranks: a wrapper of the real group that is wrong in one way.

use std::sync::Arc;

use dinov3_ranks::{Group, GroupError, Pending, ReduceOp, Within};
use tch::{Kind, Tensor, no_grad};

/// The changes to a reduction.
#[derive(Clone, Copy, Debug)]
struct Wrong {
    /// The op that replaces the one asked for.
    op: fn(ReduceOp) -> ReduceOp,
    /// The tensor that replaces a rank's own.
    sent: fn(ReduceOp, &Tensor) -> Tensor,
    /// The result, in the dtype of this rank's part of the same elements, which comes second.
    result: fn(Tensor, &Tensor) -> Tensor,
    /// The number of ranks by which the chunk of a scattered result is shifted.
    shift: usize,
}

/// A reduction without a defect.
const RIGHT: Wrong = Wrong {
    op: |op| op,
    sent: |_, own| own.shallow_clone(),
    result: |reduced, own| reduced.to_kind(own.kind()),
    shift: 0,
};

/// PREMUL_SUM ignores its factor.
pub(super) fn premul_ignored(group: Arc<dyn Group>) -> Arc<dyn Group> {
    let op = |op| if let ReduceOp::PremulSum(_) = op { ReduceOp::Sum } else { op };
    Arc::new(Planted { group, wrong: Wrong { op, ..RIGHT } })
}

/// PREMUL_SUM applies its factor twice.
pub(super) fn premul_twice(group: Arc<dyn Group>) -> Arc<dyn Group> {
    let op = |op| if let ReduceOp::PremulSum(factor) = op { ReduceOp::PremulSum(factor * factor) } else { op };
    Arc::new(Planted { group, wrong: Wrong { op, ..RIGHT } })
}

/// PREMUL_SUM gives zeros for bf16 tensors and factors that are powers of two.
pub(super) fn premul_bf16_zeros(group: Arc<dyn Group>) -> Arc<dyn Group> {
    let sent = |op, own: &Tensor| match op {
        ReduceOp::PremulSum(factor) if own.kind() == Kind::BFloat16 && is_power_of_two(factor) => own.zeros_like(),
        _ => own.shallow_clone(),
    };
    Arc::new(Planted { group, wrong: Wrong { sent, ..RIGHT } })
}

/// AVG replaces SUM and PREMUL_SUM(1).
pub(super) fn avg_for_sum(group: Arc<dyn Group>) -> Arc<dyn Group> {
    let op = |op| if matches!(op, ReduceOp::Sum | ReduceOp::PremulSum(1.0)) { ReduceOp::Avg } else { op };
    Arc::new(Planted { group, wrong: Wrong { op, ..RIGHT } })
}

/// `reduce_scatter` gives the next rank's chunk.
pub(super) fn wrong_chunk(group: Arc<dyn Group>) -> Arc<dyn Group> {
    Arc::new(Planted { group, wrong: Wrong { shift: 1, ..RIGHT } })
}

/// The last element of a tensor of an odd length stays what it was on each rank.
pub(super) fn lost_element(group: Arc<dyn Group>) -> Arc<dyn Group> {
    let result = |reduced: Tensor, own: &Tensor| {
        let length = reduced.numel() as i64;
        if length % 2 == 0 {
            return reduced;
        }
        let kept = reduced.reshape([-1]).narrow(0, 0, length - 1);
        let last = own.reshape([-1]).narrow(0, length - 1, 1);
        Tensor::cat(&[kept, last], 0).reshape(reduced.size())
    };
    Arc::new(Planted { group, wrong: Wrong { result, ..RIGHT } })
}

/// fp32 tensors are summed in bf16.
pub(super) fn bf16_accumulation(group: Arc<dyn Group>) -> Arc<dyn Group> {
    let sent = |_, own: &Tensor| match own.kind() {
        Kind::Float => own.to_kind(Kind::BFloat16),
        _ => own.shallow_clone(),
    };
    Arc::new(Planted { group, wrong: Wrong { sent, ..RIGHT } })
}

/// Sums of float64 are taken in float32.
pub(super) fn float32_totals(group: Arc<dyn Group>) -> Arc<dyn Group> {
    let sent = |_, own: &Tensor| match own.kind() {
        Kind::Double => own.to_kind(Kind::Float),
        _ => own.shallow_clone(),
    };
    Arc::new(Planted { group, wrong: Wrong { sent, ..RIGHT } })
}

/// Ranks other than the first draw a number of their own wherever they wait for all.
pub(super) fn draws_aside(group: Arc<dyn Group>) -> Arc<dyn Group> {
    Arc::new(DrawsAside(group))
}

/// The real ranks, of which all but the first draw too often.
#[derive(Debug)]
struct DrawsAside(Arc<dyn Group>);

impl Group for DrawsAside {
    fn rank(&self) -> usize {
        self.0.rank()
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn all_gather(&self, tensor: &Tensor) -> Result<Vec<Tensor>, GroupError> {
        let all = self.0.all_gather(tensor)?;
        if self.rank() > 0 {
            let _ = Tensor::rand([1], (Kind::Float, tch::Device::Cpu));
        }
        Ok(all)
    }
}

/// Any but 1, at which PREMUL_SUM is SUM.
fn is_power_of_two(factor: f64) -> bool {
    factor != 1.0 && factor.is_normal() && factor.to_bits() << 12 == 0
}

/// The real ranks, and the defect of their reductions.
#[derive(Debug)]
struct Planted {
    group: Arc<dyn Group>,
    wrong: Wrong,
}

impl Group for Planted {
    fn rank(&self) -> usize {
        self.group.rank()
    }

    fn size(&self) -> usize {
        self.group.size()
    }

    fn all_gather(&self, tensor: &Tensor) -> Result<Vec<Tensor>, GroupError> {
        self.group.all_gather(tensor)
    }

    fn all_reduce(&self, tensor: &mut Tensor, op: ReduceOp) -> Result<(), GroupError> {
        let Wrong { op: wrong, sent, result, .. } = self.wrong;
        let own = tensor.detach().copy();
        let mut reduced = no_grad(|| sent(op, &own).copy());
        self.group.all_reduce(&mut reduced, wrong(op))?;
        no_grad(|| tensor.copy_(&result(reduced, &own)));
        Ok(())
    }

    fn start_all_gather(&self, tensor: &Tensor) -> Result<Pending, GroupError> {
        self.group.start_all_gather(tensor)
    }

    fn start_all_gather_into(&self, tensor: &Tensor, output: &Tensor) -> Result<Pending, GroupError> {
        self.group.start_all_gather_into(tensor, output)
    }

    fn start_reduce_scatter_within(
        &self,
        tensor: &Tensor,
        op: ReduceOp,
        within: &Within,
    ) -> Result<Pending, GroupError> {
        let Wrong { op: wrong, sent, result, shift } = self.wrong;
        let (rank, size) = (self.rank(), self.size());
        let sent = no_grad(|| sent(op, &tensor.detach()));
        let mut chunk = self.group.start_reduce_scatter_within(&sent, wrong(op), within)?.wait()?;
        let own = tensor.detach().chunk(size as i64, 0).swap_remove(rank);
        if shift > 0 {
            let all = self.group.start_all_gather(&chunk)?.wait()?;
            chunk = all.chunk(size as i64, 0).swap_remove((rank + shift) % size);
        }
        Ok(no_grad(|| result(chunk, &own)).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_are_told_from_others() {
        assert!([0.5, 2.0, 0.125].into_iter().all(is_power_of_two));
        assert!(![1.0, 1.0 / 3.0, 0.75, 0.0, f64::INFINITY].into_iter().any(is_power_of_two));
    }
}
