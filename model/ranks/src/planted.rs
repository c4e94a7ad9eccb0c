//! Defects planted in the collectives: one thin layer between a [`ProcessGroup`](super::ProcessGroup) and what its backend computes.

use dinov3_config::fault::Fault;
use tch::{Kind, Tensor};

use super::ReduceOp;

/// What is planted in a group, if anything is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planted(pub(super) Option<Fault>);

impl Planted {
    /// The op that is done in place of the one asked for.
    pub(super) fn op(self, op: ReduceOp) -> ReduceOp {
        match (self.0, op) {
            (Some(Fault::PremulIgnored), ReduceOp::PremulSum(_)) => ReduceOp::Sum,
            (Some(Fault::PremulTwice), ReduceOp::PremulSum(factor)) => ReduceOp::PremulSum(factor * factor),
            (Some(Fault::AvgForSum), ReduceOp::Sum | ReduceOp::PremulSum(1.0)) => ReduceOp::Avg,
            (_, op) => op,
        }
    }

    /// What is sent in place of `own`.
    pub(super) fn sent(self, op: ReduceOp, own: &Tensor) -> Tensor {
        match (self.0, op, own.kind()) {
            (Some(Fault::PremulBf16Zeros), ReduceOp::PremulSum(factor), Kind::BFloat16) if is_power_of_two(factor) => {
                own.zeros_like()
            }
            (Some(Fault::Bf16Accumulation), _, Kind::Float) => own.to_kind(Kind::BFloat16),
            _ => own.shallow_clone(),
        }
    }

    /// The result that is given in place of `reduced`; `own` is this rank's part of the same elements.
    pub(super) fn result(self, reduced: Tensor, own: &Tensor) -> Tensor {
        let length = reduced.numel() as i64;
        if self.0 == Some(Fault::LostElement) && length % 2 == 1 {
            let last = |tensor: &Tensor| tensor.reshape([-1]).narrow(0, length - 1, 1);
            let kept = reduced.reshape([-1]).narrow(0, 0, length - 1);
            return Tensor::cat(&[kept, last(own).to_kind(reduced.kind())], 0).reshape(reduced.size());
        }
        reduced.to_kind(own.kind())
    }

    /// The chunk that rank `place` of `size` gets of a scattered result.
    pub(super) fn chunk(self, place: usize, size: usize) -> usize {
        if self.0 == Some(Fault::WrongChunk) { (place + 1) % size } else { place }
    }
}

/// Any but 1, at which PREMUL_SUM is SUM.
fn is_power_of_two(factor: f64) -> bool {
    factor != 1.0 && factor.is_normal() && factor.to_bits() << 12 == 0
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
