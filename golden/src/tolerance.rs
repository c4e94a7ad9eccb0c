//! The one table of tolerances. No other number in the project decides a verdict.
//!
//! The rule, for each metric of an entry:
//!
//! ```text
//! error(candidate) <= k * error(reference at that precision) + floor * eps * scale + flush
//! ```
//!
//! Errors are measured against the float64 truth on the stored elements, so the reference's own rounding is the yardstick.
//! `eps` is that of the candidate's dtype, or of bfloat16 where reference and candidate are float32 tensors whose every value
//! is a bfloat16 (the reference rotates q and k in bfloat16 and widens them again): there a rounding error far below float32's eps
//! decides now and then which way a value falls, and one that falls the other way is off by eps of bfloat16. `scale` is the size of the truth in the metric's unit ([`Metric`] says which).
//! `flush` is the smallest normal number of the dtype, an element: hardware that flushes subnormals is not wrong.
//!
//! The recorded run is one sample of a random quantity, and a lucky one may be far too small: where q and k pass through
//! bfloat16, one value in thousands falls the other way, and attention carries that on, in one block and not in the next. The
//! reference's own error is therefore the largest of several runs: the recorded one, and those whose weights and pixels were
//! moved by one ulp ([`crate::Spread`]). In fp32, what follows that rotation within a block (`apply_rope`, `attn.proj`, `ls1`)
//! is given the largest relative error at the same place of any block of either network, since one block's few runs may all be
//! lucky; measured on the committed sets, this is up to 60 times a single entry's own. An entry with fewer than [`SMALL`] stored elements borrows the relative error of the
//! nearest earlier entry of its stage that is larger and not exact, if it is greater still.
//!
//! Integers and booleans, whatever the stage, have no rounding: they must be equal. NaN and infinities must stand where
//! the truth has them.

use std::fmt;

use crate::names::Stage;

/// What a tolerance limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// ‖candidate - truth‖ over the stored elements; scale: ‖truth‖, and the largest element for the floor.
    RelL2,
    /// max |candidate - truth| over the stored elements; scale: max |truth|.
    MaxAbs,
    /// | ‖candidate‖ - ‖truth‖ | over all elements, from the recorded statistics; scale: ‖truth‖.
    Norm,
    /// |mean(candidate) - mean(truth)| over all elements, from the recorded statistics; scale: ‖truth‖ / sqrt(elements).
    Mean,
    /// |min(candidate) - min(reference)| over all elements; scale: the larger of |min| and |max|.
    Min,
    /// |max(candidate) - max(reference)| over all elements; scale: the larger of |min| and |max|.
    Max,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::RelL2 => "relative l2",
            Self::MaxAbs => "max abs",
            Self::Norm => "norm",
            Self::Mean => "mean",
            Self::Min => "minimum",
            Self::Max => "maximum",
        })
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Part of the training step.
    pub stage: Stage,
    /// What is limited.
    pub metric: Metric,
    /// How many times the reference's own error a candidate may have.
    pub k: f64,
    /// What is allowed where the reference happens to be exact, in eps of the candidate's dtype relative to the scale.
    pub floor: f64,
    /// Why these numbers.
    pub why: &'static str,
}

/// Below this many stored elements an entry borrows its yardstick.
///
/// Of two independent errors of the same size, over n elements, one is four times the other by luck with a probability of
/// 16 % at n = 1, 1 % at n = 4, and under 1e-20 at n = 64; errors within a tensor are correlated, hence not less than 64.
pub const SMALL: usize = 64;

/// How far the mean and norm in a record may be from those computed again, relative to the norm: both sum in float64, in
/// different orders, over at most 1e9 elements. A record that is wrong is wrong by far more.
pub const STATISTICS_AGREEMENT: f64 = 1e-10;

const SEEDED: &str = "No yardstick: the value has not been through the model, and the reference's own at that precision is what must come out. \
     Initial weights pass through erfinv and inputs through divisions, which differ by an ulp or two between instruction \
     sets; a wrong seed or standard deviation moves the statistics by thousands of eps. Right values in wrong places leave \
     them alone: that shows in the first activation.";

/// Every tolerance there is.
pub fn table() -> &'static [Tolerance] {
    const TABLE: &[Tolerance] = &[
        seeded(Stage::Init, Metric::Norm),
        seeded(Stage::Init, Metric::Mean),
        seeded(Stage::Init, Metric::Min),
        seeded(Stage::Init, Metric::Max),
        seeded(Stage::Data, Metric::Norm),
        seeded(Stage::Data, Metric::Mean),
        seeded(Stage::Data, Metric::Min),
        seeded(Stage::Data, Metric::Max),
        Tolerance {
            stage: Stage::Forward,
            metric: Metric::RelL2,
            k: 4.0,
            floor: 0.5,
            why: "Two correct implementations differ in the order of accumulation alone. Their error norms agree within a \
                  small factor: summing K products one after another, rather than in blocks of b, multiplies the error by \
                  sqrt(K / b), at most 4 for the widths here and blocks of 256. The floor is one more rounding to nearest of \
                  every element, half an eps at most, and another half for the largest, which may be off by a whole step and \
                  outweigh all others: for places where the reference is exact.",
        },
        Tolerance {
            stage: Stage::Forward,
            metric: Metric::MaxAbs,
            k: 8.0,
            floor: 1.0,
            why: "As for the norm; but the largest of many errors lies in the tail, where luck counts for another factor of \
                  two. The floor is one step of the largest element: where a value is rounded to a coarser type than it is \
                  computed in, the last bit of what is rounded decides which of two neighbours it becomes.",
        },
        Tolerance {
            stage: Stage::Forward,
            metric: Metric::Norm,
            k: 4.0,
            floor: 0.5,
            why: "The triangle inequality: norms differ by no more than the norm of the difference, whose relative size is \
                  estimated on the stored elements. It sees a fault between the stored elements that changes the norm.",
        },
        Tolerance {
            stage: Stage::Forward,
            metric: Metric::Mean,
            k: 4.0,
            floor: 0.5,
            why: "Means differ by no more than the norm of the difference over sqrt(elements), estimated likewise. It sees \
                  a constant offset that leaves the norm alone.",
        },
    ];
    TABLE
}

const fn seeded(stage: Stage, metric: Metric) -> Tolerance {
    Tolerance { stage, metric, k: 0.0, floor: 8.0, why: SEEDED }
}

/// The row for `metric` in `stage`; `None` for a stage that no suite judges yet.
pub fn tolerance(stage: Stage, metric: Metric) -> Option<&'static Tolerance> {
    table().iter().find(|row| row.stage == stage && row.metric == metric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_has_one_row_and_a_reason() {
        for row in table() {
            assert_eq!(tolerance(row.stage, row.metric), Some(row), "a second row for {} {}", row.stage, row.metric);
            assert!(row.why.len() > 40 && row.k >= 0.0 && row.floor > 0.0);
        }
    }

    /// A changed tolerance shows in review as a changed snapshot.
    #[test]
    fn the_table() {
        let rows: Vec<_> = table()
            .iter()
            .map(|row| format!("{:8} {:12} k={} floor={}\n    {}", row.stage, row.metric, row.k, row.floor, row.why))
            .collect();
        insta::assert_snapshot!(rows.join("\n"));
    }
}
