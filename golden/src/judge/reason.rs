//! Why an entry is wrong, or is not judged.

use crate::names::Dtype;

use super::result::Check;

/// Why an entry is wrong, or is not judged: data, which whoever reports turns into a sentence.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// A metric is beyond its limit.
    Limit(Check),
    /// The fingerprints match, so the same bits were expected.
    BitsExpected,
    /// Integers or booleans differ.
    WholeNumbers {
        /// The largest difference, where elements were compared.
        largest: Option<f64>,
    },
    /// Stored elements are NaN or infinite, unlike the truth's.
    NonFiniteElements {
        /// How many.
        count: u64,
    },
    /// Of all elements, not as many are NaN or infinite as should be.
    NonFiniteCount {
        /// How many are.
        found: u64,
        /// How many should be.
        expected: u64,
    },
    /// The same in a run of several steps, of which chaos is no explanation.
    NonFiniteInAFreeRun {
        /// How many are.
        found: u64,
        /// How many should be.
        expected: u64,
    },
    /// The bits differ, and no truth was recorded to measure rounding against.
    NoTruth,
    /// The golden set stores elements, and there was nothing to compare them with.
    NotCompared,
    /// Meters add up the same numbers in float64 on every machine.
    Meter,
    /// A meter that sums up another series than the recorded one.
    OtherSeries {
        /// The entry of the series.
        trajectory: String,
    },
    /// A free run on other hardware parts by chaos.
    FreeRun,
    /// Another dtype.
    Dtype {
        /// The golden set's.
        golden: Dtype,
        /// The candidate's.
        candidate: Dtype,
    },
    /// Another shape.
    Shape {
        /// The golden set's.
        golden: Vec<usize>,
        /// The candidate's.
        candidate: Vec<usize>,
    },
    /// The candidate did not show it.
    NeverObserved,
    /// The candidate showed it a second time.
    Twice,
    /// The golden set has no such entry at this precision.
    NoSuchEntry,
}
