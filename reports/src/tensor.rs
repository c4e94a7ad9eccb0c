//! The figures of one judged tensor.

use crate::message::{Metric, Outcome, Reason, Stage, Tally};
use crate::number::Float;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of one tensor, and all figures of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its part of the training step; null if the golden set does not know the name.
    pub stage: Option<Stage>,
    /// What became of it.
    pub outcome: Outcome,
    /// Candidate against the float64 truth (against the reference, where there is no truth), on the stored elements.
    pub error: Option<Error>,
    /// Relative l2 error of the reference's own run at this precision, on the stored elements.
    pub reference: Option<Float>,
    /// Of the metric that comes nearest to its limit, error over limit: above 1 is wrong. Null where nothing was held against a limit,
    /// as where the bits are the reference's.
    pub ratio_to_limit: Option<Float>,
    /// Norm of the error over the yardstick, the reference's largest in several runs. Null where that is zero or unknown.
    pub ratio_to_yardstick: Option<Float>,
    /// Every metric that was held against a limit.
    pub held: Vec<Held>,
    /// The larger tensor whose yardstick this one borrowed, having too few elements for its own.
    pub borrowed_from: Option<String>,
    /// Why it fails, or is not judged.
    pub reason: Option<Reason>,
    /// The error of the operation that computes it, by itself: from the inputs that were recorded. Null where it was not replayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnError>,
}

/// The error of one operation by itself, in steps of its output's dtype, against what float64 makes of the same inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnError {
    /// Whether the operation is wrong.
    pub defect: bool,
    /// The measure that comes nearest to its limit, over the limit.
    pub ratio_to_limit: Float,
    /// Root mean square of the error.
    pub rms: Float,
    /// Share of elements that are not the nearest number.
    pub misrounded: Float,
    /// Mean error.
    pub bias: Float,
    /// The factor that fits the output best, minus one.
    pub factor: Float,
    /// Root mean square of the reference's own error. Null where its recording lacks what the output is computed from.
    pub reference_rms: Option<Float>,
    /// The smallest factor, as its distance from one, that nine in ten such recordings would have shown.
    pub shows_factor: Float,
    /// The smallest constant, likewise.
    pub shows_bias: Float,
    /// Tensors that were not observed between its inputs and it, so that it was judged together with what computes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub span: Vec<String>,
}

impl Tensor {
    /// The metric that comes nearest to its limit, or is furthest beyond it.
    pub fn nearest(&self) -> Option<&Held> {
        self.held.iter().reduce(|worst, held| if held.ratio() > worst.ratio() { held } else { worst })
    }
}

/// How far a tensor is from the truth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Error {
    /// ‖candidate - truth‖ / ‖truth‖.
    pub relative_l2: Float,
    /// Largest |candidate - truth|.
    pub max_abs: Float,
    /// Mean |candidate - truth|.
    pub mean_abs: Float,
    /// Cosine of the angle between the two.
    pub cosine: Float,
    /// Largest distance in representable values of the candidate's dtype.
    pub ulp: u64,
    /// How many elements were compared.
    pub elements: u64,
}

/// A metric held against its limit: `limit = k * yardstick + floor`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// What was measured. Error, yardstick and limit are relative to the truth's size in that metric.
    pub metric: Metric,
    /// Error of the candidate.
    pub error: Float,
    /// The reference's own error.
    pub yardstick: Float,
    /// How many yardsticks pass.
    pub k: Float,
    /// The largest error that passes.
    pub limit: Float,
}

impl Held {
    /// Error over limit: infinite for a NaN, and where there is an error and no limit.
    pub fn ratio(&self) -> f64 {
        match (self.error.0, self.limit.0) {
            (error, _) if error.is_nan() => f64::INFINITY,
            (error, limit) if error <= limit && limit <= 0.0 => 0.0,
            (error, limit) if limit > 0.0 => error / limit,
            _ => f64::INFINITY,
        }
    }
}

impl Tally {
    /// Counts these.
    pub fn of<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> Self {
        let mut tally = Self::default();
        for tensor in tensors {
            *match tensor.outcome {
                Outcome::Identical => &mut tally.identical,
                Outcome::WithinTheLimit => &mut tally.within,
                Outcome::NotIdentical => &mut tally.not_identical,
                Outcome::NotJudged => &mut tally.not_judged,
                Outcome::Missing => &mut tally.missing,
                Outcome::Waived => &mut tally.waived,
                Outcome::Unexpected => &mut tally.unexpected,
                Outcome::BeyondTheLimit | Outcome::NonFinite | Outcome::ShapeDiffers | Outcome::DtypeDiffers => {
                    &mut tally.wrong
                }
            } += 1;
        }
        tally
    }
}

/// `#[serde(with = "tensor::lines")]`: a list whose items take a line of JSON each, so that thousands of them can be read, cut and compared
/// by lines. As data it is a list like any other.
pub(crate) mod lines {
    use serde::de::{Deserialize, DeserializeOwned, Deserializer};
    use serde::ser::{Error, Serialize, SerializeSeq, Serializer};
    use serde_json::value::to_raw_value;

    pub fn serialize<T: Serialize, S: Serializer>(items: &[T], serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(items.len()))?;
        for item in items {
            list.serialize_element(&to_raw_value(item).map_err(S::Error::custom)?)?;
        }
        list.end()
    }

    pub fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
        Vec::<T>::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_never_a_pass_by_accident() {
        let ratio = |error: f64, limit: f64| {
            Held {
                metric: Metric::Norm,
                error: error.into(),
                yardstick: 0.0.into(),
                k: 4.0.into(),
                limit: limit.into(),
            }
            .ratio()
        };
        assert_eq!([ratio(0.0, 0.0), ratio(1.0, 4.0), ratio(8.0, 4.0)], [0.0, 0.25, 2.0]);
        for wrong in [ratio(f64::NAN, f64::INFINITY), ratio(1.0, 0.0), ratio(f64::NAN, 0.0)] {
            assert_eq!(wrong, f64::INFINITY);
        }
    }
}
