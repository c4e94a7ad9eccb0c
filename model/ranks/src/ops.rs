//! Reductions of the ranks' tensors (`torch.distributed.ReduceOp`), and how to get the result of one that a backend lacks.

use std::fmt;

use dinov3_torch::c10d::Reduce;
use tch::{Kind, Tensor};

use super::error::Failure;

/// `torch.distributed.ReduceOp`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReduceOp {
    /// The sum; for `bool`, whether any is true.
    Sum,
    /// Each rank's tensor times the factor, then the sum (`_make_nccl_premul_sum`). As in NCCL, the factor, each product and each addition are
    /// rounded to the tensors' dtype once. Factor 1 has the bits of [`Sum`](Self::Sum).
    PremulSum(f64),
    /// The sum, rounded to the dtype at each addition, divided by the number of ranks, rounded once more. Overflows if the sum does. The
    /// division is done here on every backend, since backends differ in when they divide.
    Avg,
    /// The largest value. With a NaN on some rank or zeros of both signs, Gloo's result depends on which rank has which; all ranks get the same.
    Max,
    /// The smallest value; NaN and zeros as in [`Max`](Self::Max).
    Min,
}

impl fmt::Display for ReduceOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sum => f.write_str("SUM"),
            Self::PremulSum(factor) => write!(f, "PREMUL_SUM({factor:?})"),
            Self::Avg => f.write_str("AVG"),
            Self::Max => f.write_str("MAX"),
            Self::Min => f.write_str("MIN"),
        }
    }
}

/// The ways to get PREMUL_SUM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PremulSum {
    /// The backend multiplies, even for factor 1. Refused for Gloo, which raises in `all_reduce` and ignores the factor in `reduce_scatter`.
    Native,
    /// Each rank multiplies before the backend sums.
    #[default]
    Emulated,
    /// SUM replaces PREMUL_SUM, as in the published port to Ascend, but for factor 1 only. Every op other than SUM and PREMUL_SUM(1) is refused
    /// by name before anything is sent.
    SumAtOne,
}

/// An op in terms of the backend: a factor for each rank's tensor, a reduction of the backend, a divisor for the result.
#[derive(Debug)]
pub(super) struct Plan {
    factor: Option<Tensor>,
    pub(crate) reduce: Reduce,
    divisor: Option<i64>,
}

impl Plan {
    /// # Errors
    /// If the op has no meaning for this dtype, or [`PremulSum::SumAtOne`] refuses it.
    pub(super) fn new(op: ReduceOp, how: PremulSum, kind: Kind, size: usize) -> Result<Self, Failure> {
        let refused = |why: &'static str| Err(Failure::Op { op, kind, why });
        let plain = |reduce| Ok(Self { factor: None, reduce, divisor: None });
        if how == PremulSum::SumAtOne && !matches!(op, ReduceOp::Sum | ReduceOp::PremulSum(1.0)) {
            return refused("SUM would be substituted for it, which gives another result");
        }
        match op {
            ReduceOp::Sum => plain(Reduce::Sum),
            ReduceOp::PremulSum(1.0) if how != PremulSum::Native => plain(Reduce::Sum),
            ReduceOp::Max => plain(Reduce::Max),
            ReduceOp::Min => plain(Reduce::Min),
            ReduceOp::PremulSum(_) | ReduceOp::Avg if !is_float(kind) => refused("integers cannot hold the result"),
            ReduceOp::Avg => Ok(Self { factor: None, reduce: Reduce::Sum, divisor: Some(size as i64) }),
            ReduceOp::PremulSum(factor) => {
                let rounded = Tensor::from(factor).to_kind(kind);
                let held = rounded.double_value(&[]);
                if factor.is_finite() && (!held.is_finite() || (held == 0.0 && factor != 0.0)) {
                    return refused("the factor is out of the dtype's range");
                }
                match how {
                    PremulSum::Native => plain(Reduce::PremulSum(factor)),
                    _ => Ok(Self { factor: Some(rounded), reduce: Reduce::Sum, divisor: None }),
                }
            }
        }
    }

    /// The tensor that this rank hands to the backend, contiguous: `tensor` itself if possible, else a new tensor.
    pub(super) fn before(&self, tensor: &Tensor) -> Tensor {
        match &self.factor {
            Some(factor) => (tensor * factor).contiguous(),
            None => tensor.contiguous(),
        }
    }

    /// Turns the backend's result into the op's, in place.
    pub(super) fn after(&self, tensor: &mut Tensor) {
        if let Some(divisor) = self.divisor {
            let _ = tensor.divide_scalar_(divisor);
        }
    }
}

fn is_float(kind: Kind) -> bool {
    matches!(kind, Kind::Double | Kind::Float | Kind::Half | Kind::BFloat16)
}

#[cfg(test)]
mod tests;
