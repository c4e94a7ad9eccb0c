//! What the ranks' tensors are put together by (`torch.distributed.ReduceOp`), and how a backend that lacks an op gets its result.

use std::fmt;

use dinov3_torch::c10d::Reduce;
use tch::{Kind, Tensor};

use super::error::Failure;

/// `torch.distributed.ReduceOp`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReduceOp {
    /// The sum; of `bool`, whether any is true.
    Sum,
    /// Each rank's tensor times the factor, then the sum (`_make_nccl_premul_sum`). As NCCL has it: the factor is rounded to the
    /// tensors' dtype, each product is rounded to it once, and so is each addition. At exactly 1 it is [`Sum`](Self::Sum), bit by bit.
    PremulSum(f64),
    /// The sum, rounded to the dtype at each addition, divided by the number of ranks, rounded once more. Overflows where the sum does.
    /// Divided here whatever the backend, since backends differ in when they divide.
    Avg,
    /// The largest. With a NaN on some rank or zeros of both signs, Gloo's result depends on which rank has which; all ranks get the same.
    Max,
    /// The smallest; NaN and zeros as in [`Max`](Self::Max).
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

/// How a group comes by PREMUL_SUM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PremulSum {
    /// The backend multiplies, at factor 1 too. Gloo does not: it raises in `all_reduce` and ignores the factor in `reduce_scatter`, so it
    /// is refused there.
    Native,
    /// Each rank multiplies before the backend sums.
    #[default]
    Emulated,
    /// SUM stands for PREMUL_SUM, as in the published port to Ascend, but for factor 1 only, and for no other op: any op but SUM and
    /// PREMUL_SUM(1) is refused by name before anything is sent.
    SumAtOne,
}

/// An op in terms of what the backend has: a factor for each rank's tensor, a reduction, a divisor for its result.
#[derive(Debug)]
pub(super) struct Plan {
    factor: Option<Tensor>,
    pub(crate) reduce: Reduce,
    divisor: Option<i64>,
}

impl Plan {
    /// # Errors
    /// When the op has no meaning for this dtype, or is none that SUM may stand for under [`PremulSum::SumAtOne`].
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

    /// What this rank hands to the backend, contiguous: `tensor` itself where it can be, else a new tensor.
    pub(super) fn before(&self, tensor: &Tensor) -> Tensor {
        match &self.factor {
            Some(factor) => (tensor * factor).contiguous(),
            None => tensor.contiguous(),
        }
    }

    /// Makes the backend's result the op's, in place.
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
