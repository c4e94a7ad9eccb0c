//! The measurements of a rank: the collectives of the grid on its own tensors, each result compared with the exact one.

use std::hash::{DefaultHasher, Hasher};

use dinov3_ranks::{Collective, Failure, Group, GroupError, Pending, ReduceOp};
use dinov3_torch::device::{self, Device};
use dinov3_torch::shim::ShimError;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::Tested;
use super::exact::{Asked, Judged, Sum};
use super::format::Format;
use super::grid::{Call, Family, Filling, Op};
use super::values::Inputs;
use crate::SuiteError;
use crate::session::gather;

/// The outcome of one result on one rank.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// The number of wrong elements.
    pub(super) wrong: u64,
    /// The first wrong element: its place in the result, its value, and the right value.
    pub(super) first: (u64, f64, f64),
    /// The largest error of the right elements, in roundings.
    pub(super) roundings: f64,
    /// A hash of the result's bits, with one pattern for every NaN.
    pub(super) hash: u64,
    /// Whether the result has the bits that SUM gave for the same tensors.
    pub(super) as_sum: bool,
    /// The group refused the op.
    pub(super) refused: bool,
}

impl Outcome {
    const REFUSED: Outcome =
        Outcome { wrong: 0, first: (0, 0.0, 0.0), roundings: 0.0, hash: 0, as_sum: false, refused: true };
}

/// The outcomes of all ranks of a group: for each filling and op, in this order, one outcome per rank.
///
/// # Errors
/// If a rank is gone or late.
pub(super) fn measure(
    world: &Tested,
    call: Call,
    format: Format,
    fillings: &[Filling],
    seed: u64,
    drawn: f64,
) -> Result<Vec<Vec<Outcome>>, SuiteError> {
    let Tested { group, control, .. } = world;
    let group = group.as_ref();
    let mut own = Vec::new();
    for filling in fillings {
        let case = Case::new(world, call, format, *filling, seed)?;
        let mut plain = None;
        for op in Op::ALL {
            own.push(case.outcome(group, op.at(group.size(), drawn), &mut plain)?);
        }
    }
    let all = gather(control, &own)?;
    Ok((0..own.len()).map(|case| all.iter().map(|rank| rank[case]).collect()).collect())
}

/// One tensor, and the exact sums of this rank's part of the result.
struct Case {
    call: Call,
    inputs: Inputs,
    /// The begin of this rank's part of the result.
    start: usize,
    sent: Tensor,
    sums: Vec<Sum>,
}

impl Case {
    fn new(tested: &Tested, call: Call, format: Format, filling: Filling, seed: u64) -> Result<Self, GroupError> {
        let group = tested.group.as_ref();
        let (rank, world) = (group.rank(), group.size());
        let Filling { family, length } = filling;
        let inputs = Inputs { family, format, world, seed };
        let (start, whole) = match call {
            Call::AllReduce => (0, length),
            Call::ReduceScatter => (rank * length, world * length),
        };
        let sent: Vec<f64> = (0..whole).map(|place| inputs.at(rank, place)).collect();
        let sums = (start..start + length).map(|place| Sum::of(&inputs, place)).collect();
        let sent = Tensor::from_slice(&sent).to_kind(format.kind);
        let sent = device::to(&sent, tested.backend.device()).map_err(|error| unmoved(group, call, error))?;
        Ok(Self { call, inputs, start, sent, sums })
    }

    /// `plain` is the hash of SUM's result, which must come first.
    fn outcome(&self, group: &dyn Group, op: ReduceOp, plain: &mut Option<u64>) -> Result<Outcome, GroupError> {
        let reduced = match self.call {
            Call::AllReduce => {
                let mut tensor = self.sent.copy();
                group.all_reduce(&mut tensor, op).map(|()| tensor)
            }
            Call::ReduceScatter => group.start_reduce_scatter(&self.sent, op).and_then(Pending::wait),
        };
        let reduced = match reduced {
            Ok(reduced) => reduced,
            Err(GroupError { failure: Failure::Op { .. }, .. }) => return Ok(Outcome::REFUSED),
            Err(error) => return Err(error),
        };
        let reduced = device::to(&reduced, Device::Cpu).map_err(|error| unmoved(group, self.call, error))?;
        let values = Vec::<f64>::try_from(reduced.to_kind(Kind::Double)).unwrap_or_default();
        let mut outcome = self.judge(op, &values);
        if op == ReduceOp::Sum {
            *plain = Some(outcome.hash);
        }
        outcome.as_sum = *plain == Some(outcome.hash);
        Ok(outcome)
    }

    fn judge(&self, op: ReduceOp, values: &[f64]) -> Outcome {
        let Inputs { format, world, .. } = self.inputs;
        let factor = match op {
            ReduceOp::PremulSum(factor) => Some(format.rounded(factor, 0)),
            _ => None,
        };
        let average = op == ReduceOp::Avg;
        let asked = Asked { format, world, factor, average };
        let mut hash = DefaultHasher::new();
        let mut outcome = Outcome { refused: false, ..Outcome::REFUSED };
        // Elements that a result lacks are wrong.
        let missing = self.sums.len().saturating_sub(values.len());
        for (i, (value, sum)) in values.iter().zip(&self.sums).enumerate() {
            hash.write_u64(if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() });
            match asked.judge(*value, sum, self.inputs.certainty(self.start + i, factor, average)) {
                Judged::Right(roundings) => outcome.roundings = outcome.roundings.max(roundings),
                Judged::Wrong(expected) => {
                    if outcome.wrong == 0 {
                        outcome.first = (i as u64, *value, expected);
                    }
                    outcome.wrong += 1;
                }
            }
        }
        outcome.wrong += missing as u64;
        outcome.hash = hash.finish();
        outcome
    }
}

/// The error for a tensor that cannot be moved to the backend's device or back.
fn unmoved(group: &dyn Group, call: Call, error: ShimError) -> GroupError {
    let collective = match call {
        Call::AllReduce => Collective::AllReduce,
        Call::ReduceScatter => Collective::ReduceScatter,
    };
    GroupError { rank: group.rank(), collective, failure: error.into() }
}

/// Whether a factor must change the result of tensors of this family. Special values and zeros need not change.
pub(super) fn shows_a_factor(family: Family) -> bool {
    matches!(family, Family::Whole | Family::Random)
}
