//! The rule, one function for each kind of value. The numbers are in [`crate::tolerance`].

use crate::digest::Stats;
use crate::manifest::{Spread, Storage};
use crate::metrics::Metrics;
use crate::names::{Dtype, Stage};
use crate::set::Recorded;
use crate::tolerance::{Metric, STATISTICS_AGREEMENT, Tolerance, tolerance};

use super::reason::Reason;
use super::result::Check;

/// The verdict on the figures, independent of the expectation.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Rounding explains the difference.
    Within { checks: Vec<Check> },
    /// Rounding does not explain the difference.
    Beyond { checks: Vec<Check>, reason: Reason },
    /// Values are NaN or infinite at wrong positions, or finite instead of NaN or infinite.
    NonFinite { reason: Reason },
    /// No rule judges the difference.
    Unknown { reason: Reason },
}

/// The relative error of one entry, lent to another.
#[derive(Debug, Clone)]
pub(super) struct Borrowed {
    pub(super) from: String,
    pub(super) rel_l2: f64,
    /// Relative to the root mean square of the truth.
    pub(super) rel_max: f64,
}

impl Borrowed {
    /// The error that the entry `from` lends, given the reference's error there and its spread; `None` if the reference
    /// is exact in all runs.
    pub(super) fn of(from: &str, error: &Metrics, spread: Option<&Spread>) -> Option<Self> {
        let own = Self { from: from.to_owned(), rel_l2: error.rel_l2, rel_max: error.rel_max() };
        let spread = spread.map(|it| Self { from: from.to_owned(), rel_l2: it.rel_l2, rel_max: it.rel_max });
        let worst = spread.into_iter().fold(own, Self::at_least);
        (worst.rel_l2 > 0.0 && error.reference_l2 > 0.0).then_some(worst)
    }

    /// The larger of each figure, with the name of the entry with the larger norm.
    pub(super) fn at_least(self, other: Self) -> Self {
        let rel_max = self.rel_max.max(other.rel_max);
        let larger = if other.rel_l2 > self.rel_l2 { other } else { self };
        Self { rel_max, ..larger }
    }
}

/// The facts about an entry that do not depend on a candidate.
pub(super) struct Yardstick<'a> {
    pub(super) golden: Recorded<'a>,
    pub(super) truth: Option<Recorded<'a>>,
    /// Error of the reference on the stored elements.
    pub(super) reference: Option<Metrics>,
    pub(super) borrowed: Option<Borrowed>,
    /// The dtype that the values were rounded to; it may be narrower than the tensor's dtype.
    pub(super) resolution: Dtype,
    /// Whether only a part of the elements can be judged, so that statistics over all elements cannot be used.
    pub(super) in_part: bool,
    /// The error that is allowed beside that of the row.
    pub(super) beside: Beside,
}

/// An error that is allowed beside that of a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside {
    /// Relative to the scale of the metric.
    pub(super) relative: f64,
    /// Of each element, in the unit of the values.
    pub(super) each: f64,
}

/// What is judged, and how: the entry, the dtype that its values were rounded to, and the error beside that of the row.
#[derive(Clone, Copy)]
struct Place<'a> {
    golden: Recorded<'a>,
    dtype: Dtype,
    beside: Beside,
}

impl<'a> Yardstick<'a> {
    fn place(&self) -> Place<'a> {
        Place { golden: self.golden, dtype: self.resolution, beside: self.beside }
    }

    /// Relative error norm that a correct implementation has.
    fn rel_l2(&self) -> f64 {
        let own = self.reference.filter(|it| it.reference_l2 > 0.0).map_or(0.0, |it| it.rel_l2);
        own.max(self.borrowed.as_ref().map_or(0.0, |it| it.rel_l2))
    }

    /// Error norm that a correct implementation has on the stored elements, where the truth has norm `truth_l2`.
    fn error_l2(&self, truth_l2: f64) -> f64 {
        self.reference.map_or(0.0, |it| it.error_l2).max(self.rel_l2() * truth_l2)
    }

    fn max_abs(&self, truth_rms: f64) -> f64 {
        let borrowed = self.borrowed.as_ref().map_or(0.0, |it| it.rel_max * truth_rms);
        self.reference.map_or(0.0, |it| it.max_abs).max(borrowed)
    }

    /// The candidate's error norm over the yardstick; `None` where that is zero.
    pub(super) fn ratio(&self, candidate: &Metrics) -> Option<f64> {
        let yardstick = self.error_l2(candidate.reference_l2);
        (yardstick > 0.0).then(|| candidate.error_l2 / yardstick)
    }
}

/// Judges integers and booleans that differ: they have no rounding.
pub(super) fn whole_numbers(metrics: Option<&Metrics>) -> Verdict {
    let reason = Reason::WholeNumbers { largest: metrics.map(|it| it.max_abs) };
    Verdict::Beyond { checks: Vec::new(), reason }
}

/// Judges initial weights and data with other bits: their statistics must agree. `Err` names a missing tolerance.
pub(super) fn seeded(golden: Recorded<'_>, candidate: &Stats) -> Result<Verdict, Metric> {
    let expected = &golden.record.stats;
    if let Some(verdict) = count_differs(candidate.non_finite, expected.non_finite) {
        return Ok(verdict);
    }
    let extent = extent(expected);
    let (norm, root) = (expected.l2.unwrap_or(0.0), elements(golden).sqrt());
    let quantities = [
        (Metric::Norm, candidate.l2, expected.l2, norm, root),
        (Metric::Mean, candidate.mean, expected.mean, norm / root, 1.0),
        (Metric::Min, candidate.min, expected.min, extent, 1.0),
        (Metric::Max, candidate.max, expected.max, extent, 1.0),
    ];
    let mut checks = Vec::new();
    for (metric, ours, theirs, scale, flushes) in quantities {
        let place = Place { golden, dtype: golden.record.dtype, beside: Beside::default() };
        checks.extend(statistic(place, metric, (ours, theirs), 0.0, (scale, 0.0), flushes)?);
    }
    Ok(concluded(checks))
}

/// Judges float64 numbers of the reference's own Python with other bits. `Err` names a missing tolerance.
pub(super) fn computed(golden: Recorded<'_>, metrics: Option<&Metrics>, candidate: &Stats) -> Result<Verdict, Metric> {
    let expected = &golden.record.stats;
    if let Some(verdict) = count_differs(candidate.non_finite, expected.non_finite) {
        return Ok(verdict);
    }
    let row = |metric| tolerance(Stage::Schedule, metric).ok_or(metric);
    let (extent, root) = (extent(expected), elements(golden).sqrt());
    let step = Dtype::F64.eps() * extent;
    let summed = STATISTICS_AGREEMENT * expected.l2.unwrap_or(0.0);
    let difference = |ours: Option<f64>, theirs: Option<f64>| (ours.unwrap_or(0.0) - theirs.unwrap_or(0.0)).abs();
    let figures = [
        (Metric::MaxAbs, metrics.map(|it| it.max_abs), 1.0, 0.0),
        (Metric::Norm, Some(difference(candidate.l2, expected.l2)), root, summed),
        (Metric::Mean, Some(difference(candidate.mean, expected.mean)), 1.0, summed / root),
    ];
    let unit = if extent > 0.0 { extent } else { 1.0 };
    let mut checks = Vec::new();
    for (metric, error, steps, summed) in figures {
        let Some(error) = error else { continue };
        let Tolerance { k, floor, .. } = *row(metric)?;
        let limit = floor * step * steps + summed;
        checks.push(Check { metric, error: error / unit, yardstick: 0.0, k, limit: limit / unit });
    }
    Ok(concluded(checks))
}

/// Judges values that went through the model. `Err` names a missing tolerance.
pub(super) fn rounding(
    yardstick: &Yardstick<'_>,
    metrics: Option<&Metrics>,
    stats: &dyn Fn() -> Stats,
) -> Result<Verdict, Metric> {
    let golden = yardstick.golden;
    let Some(truth) = yardstick.truth else {
        return Ok(Verdict::Beyond { checks: Vec::new(), reason: Reason::NoTruth });
    };
    let mut checks = Vec::new();
    if let Some(metrics) = metrics {
        if metrics.non_finite > 0 {
            return Ok(Verdict::NonFinite { reason: Reason::NonFiniteElements { count: metrics.non_finite } });
        }
        checks.extend(on_stored_elements(yardstick, metrics)?);
    } else if golden.record.storage != Storage::Digest {
        return Ok(Verdict::Beyond { checks, reason: Reason::NotCompared });
    }
    if golden.record.storage != Storage::Full || yardstick.in_part {
        let (candidate, expected) = (stats(), &truth.record.stats);
        if let Some(verdict) = count_differs(candidate.non_finite, expected.non_finite) {
            return Ok(verdict);
        }
        if !yardstick.in_part {
            checks.extend(on_all_elements(yardstick, &candidate, expected)?);
        }
    }
    Ok(concluded(checks))
}

/// Judges the statistics of a tensor that went through the model, where no element of it is known. `Err` names a missing
/// tolerance.
pub(super) fn statistics(yardstick: &Yardstick<'_>, candidate: &Stats) -> Result<Verdict, Metric> {
    let Some(truth) = yardstick.truth else {
        return Ok(Verdict::Unknown { reason: Reason::NoTruth });
    };
    let expected = &truth.record.stats;
    if let Some(verdict) = count_differs(candidate.non_finite, expected.non_finite) {
        return Ok(verdict);
    }
    let mut checks = on_all_elements(yardstick, candidate, expected)?;
    // An extreme is off by no more than the element that is off the most.
    let root = elements(yardstick.golden).sqrt();
    let most = yardstick.max_abs(expected.l2.unwrap_or(0.0) / root);
    let (place, scale) = (yardstick.place(), (extent(expected), 0.0));
    for (ours, theirs) in [(candidate.min, expected.min), (candidate.max, expected.max)] {
        checks.extend(statistic(place, Metric::MaxAbs, (ours, theirs), most, scale, 1.0)?);
    }
    Ok(concluded(checks))
}

/// The largest error allowed for any element; `None` if it is unknown.
pub(super) fn largest_error(yardstick: &Yardstick<'_>) -> Option<f64> {
    let reference = yardstick.reference?;
    let row = tolerance(yardstick.golden.entry.stage, Metric::MaxAbs)?;
    let rms = reference.reference_l2 / (reference.count.max(1) as f64).sqrt();
    let step = row.floor * yardstick.resolution.eps() * reference.reference_max_abs;
    Some(row.k * yardstick.max_abs(rms) + step)
}

fn on_stored_elements(yardstick: &Yardstick<'_>, metrics: &Metrics) -> Result<[Check; 2], Metric> {
    let root = (metrics.count.max(1) as f64).sqrt();
    let norm = Figures {
        error: metrics.error_l2,
        yardstick: yardstick.error_l2(metrics.reference_l2),
        scale: metrics.reference_l2,
        largest: metrics.reference_max_abs,
        flushes: root,
    };
    let largest = Figures {
        error: metrics.max_abs,
        yardstick: yardstick.max_abs(metrics.reference_l2 / root),
        scale: metrics.reference_max_abs,
        largest: 0.0,
        flushes: 1.0,
    };
    let place = yardstick.place();
    Ok([check(place, Metric::RelL2, norm)?, check(place, Metric::MaxAbs, largest)?])
}

/// Checks norm and mean over the whole tensor if only a sample is stored.
fn on_all_elements(yardstick: &Yardstick<'_>, candidate: &Stats, truth: &Stats) -> Result<Vec<Check>, Metric> {
    let golden = yardstick.golden;
    let reference = &golden.record.stats;
    let root = elements(golden).sqrt();
    let norm = truth.l2.unwrap_or(0.0);
    let largest = extent(truth);
    let expected = yardstick.rel_l2() * norm;
    // The reference's own error over all elements may be larger than the sample shows.
    let own = |ours: Option<f64>, theirs: Option<f64>| match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours - theirs).abs(),
        _ => 0.0,
    };
    let norm_yardstick = expected.max(own(reference.l2, truth.l2));
    let mean_yardstick = (expected / root).max(own(reference.mean, truth.mean));
    let place = yardstick.place();
    let mut checks = Vec::new();
    checks.extend(statistic(place, Metric::Norm, (candidate.l2, truth.l2), norm_yardstick, (norm, largest), root)?);
    checks.extend(statistic(
        place,
        Metric::Mean,
        (candidate.mean, truth.mean),
        mean_yardstick,
        (norm / root, largest / root),
        1.0,
    )?);
    Ok(checks)
}

/// `None` if neither side has the statistic; infinite if only one side has it.
fn statistic(
    place: Place<'_>,
    metric: Metric,
    (ours, theirs): (Option<f64>, Option<f64>),
    yardstick: f64,
    (scale, largest): (f64, f64),
    flushes: f64,
) -> Result<Option<Check>, Metric> {
    let error = match (ours, theirs) {
        (None, None) => return Ok(None),
        (Some(ours), Some(theirs)) => (ours - theirs).abs(),
        _ => f64::INFINITY,
    };
    check(place, metric, Figures { error, yardstick, scale, largest, flushes }).map(Some)
}

/// The figures of one check, in the unit of the values.
struct Figures {
    error: f64,
    yardstick: f64,
    scale: f64,
    /// The largest element, for a metric in which one element that is off by a whole step may outweigh all others;
    /// otherwise zero.
    largest: f64,
    /// The factor of `flush` in this metric.
    flushes: f64,
}

/// Applies the rule of the table, in the unit of the scale if the scale is not zero.
fn check(place: Place<'_>, metric: Metric, figures: Figures) -> Result<Check, Metric> {
    let Place { golden, dtype, beside } = place;
    let row = tolerance(golden.entry.stage, metric).ok_or(metric)?;
    let Figures { error, yardstick, scale, largest, flushes } = figures;
    let rounded = row.floor * dtype.eps() * (scale + largest) + dtype.flush() * flushes;
    let limit = row.k * yardstick + rounded + beside.relative * scale + beside.each * flushes;
    let unit = if scale > 0.0 { scale } else { 1.0 };
    Ok(Check { metric, error: error / unit, yardstick: yardstick / unit, k: row.k, limit: limit / unit })
}

/// The largest magnitude.
fn extent(stats: &Stats) -> f64 {
    stats.min.unwrap_or(0.0).abs().max(stats.max.unwrap_or(0.0).abs())
}

fn elements(golden: Recorded<'_>) -> f64 {
    golden.record.numel().unwrap_or(usize::MAX).max(1) as f64
}

fn count_differs(candidate: u64, expected: u64) -> Option<Verdict> {
    let reason = Reason::NonFiniteCount { found: candidate, expected };
    (candidate != expected).then_some(Verdict::NonFinite { reason })
}

fn concluded(checks: Vec<Check>) -> Verdict {
    match checks.iter().find(|check| !check.passes()) {
        Some(check) => {
            let reason = Reason::Limit(*check);
            Verdict::Beyond { checks, reason }
        }
        None => Verdict::Within { checks },
    }
}
