//! The reasons why an entry fails, or is not judged.

use crate::names::Dtype;

use super::result::Check;

/// The reason why an entry fails, or is not judged. It is data; a renderer turns it into a sentence.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// A metric is beyond its limit.
    Limit(Check),
    /// The fingerprints match, so the same bits were expected.
    BitsExpected,
    /// Integers or booleans differ.
    WholeNumbers {
        /// The largest difference; `None` if no elements were compared.
        largest: Option<f64>,
    },
    /// Stored elements are NaN or infinite, unlike in the truth.
    NonFiniteElements {
        /// The number of these elements.
        count: u64,
    },
    /// The number of NaN and infinite elements is wrong.
    NonFiniteCount {
        /// The number found.
        found: u64,
        /// The expected number.
        expected: u64,
    },
    /// The number of NaN and infinite elements is wrong in a run of several steps. Chaos does not explain it.
    NonFiniteInAFreeRun {
        /// The number found.
        found: u64,
        /// The expected number.
        expected: u64,
    },
    /// The bits differ, and no truth was recorded to measure rounding against.
    NoTruth,
    /// The golden set stores elements, but the candidate gave none to compare.
    NotCompared,
    /// A buffer has other bits: it is computed in a narrow dtype, and each of its steps is carried into everything.
    Buffer,
    /// Meters add up the same numbers in float64 on every machine.
    Meter,
    /// The meter sums up another series than the recorded one.
    OtherSeries {
        /// The entry of the series.
        trajectory: String,
    },
    /// A free run on other hardware diverges by chaos.
    FreeRun,
    /// The dtype differs.
    Dtype {
        /// In the golden set.
        golden: Dtype,
        /// In the candidate.
        candidate: Dtype,
    },
    /// The shape differs.
    Shape {
        /// In the golden set.
        golden: Vec<usize>,
        /// In the candidate.
        candidate: Vec<usize>,
    },
    /// The candidate did not show the entry.
    NeverObserved,
    /// The candidate showed the entry a second time.
    Twice,
    /// The golden set has no such entry at this precision.
    NoSuchEntry,
}
