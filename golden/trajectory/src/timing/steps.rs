//! The honest figure: the median of all steps that count, with its interval.

use serde::{Deserialize, Serialize};

use super::repeats::Repeats;
use super::{Cadence, Reason, Stretch};
use crate::limits::Limit;

/// Steps that do not count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Excluded {
    /// Why.
    pub reason: Reason,
    /// How many steps; where a log has means of several, all of a mean that has such a step in it.
    pub steps: u64,
    /// The first of them.
    pub first: u64,
    /// Their seconds together.
    pub seconds: f64,
}

/// How fast the steps of a run are. Times are seconds a step, over all steps that count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Images a step over all ranks.
    pub images: u64,
    /// Steps that count.
    pub steps: u64,
    /// The longest mean that the figures are made from: 1 where each step was timed.
    pub each: u64,
    /// The median.
    pub median: f64,
    /// The lower end of its interval: with this confidence the median of a repeat, one of the next nine runs on the same machine, lies between
    /// both ends.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The 5th percentile.
    pub p5: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The mean.
    pub mean: f64,
    /// The standard deviation of the median's logarithm that no number of further steps lessens: what runs differ by, however long they are.
    pub floor: f64,
    /// The steps that do not count, by reason.
    pub excluded: Vec<Excluded>,
    /// The confidence of the interval.
    pub confidence: f64,
}

impl Speed {
    /// Images a second at the median step.
    pub fn fps(&self) -> f64 {
        self.images as f64 / self.median
    }

    /// The interval of [`Speed::fps`].
    pub fn fps_interval(&self) -> (f64, f64) {
        (self.images as f64 / self.high, self.images as f64 / self.low)
    }
}

/// The speed of a run whose steps took these times, with so many `images` a step over all ranks; `None` if no step
/// counts. The first stretch, and one that does not follow the one before, begins a process.
pub fn steps(stretches: &[Stretch], cadence: &Cadence, images: u64) -> Option<Speed> {
    let (kept, excluded) = split(stretches, cadence);
    if kept.is_empty() {
        return None;
    }
    let times: Vec<f64> = kept.iter().map(|stretch| stretch.seconds).collect();
    let mut sorted = times.clone();
    sorted.sort_by(f64::total_cmp);
    let median = quantile(&sorted, 0.5);
    let confidence = 1.0 - Limit::RepeatLevel.value();
    let (low, high, floor) = match Repeats::of(&times) {
        Some(repeats) => (median / repeats.reach(), median * repeats.reach(), repeats.floor()),
        // Too few for an interval: all that there is.
        None => (sorted[0], sorted[sorted.len() - 1], 0.0),
    };
    let count: u64 = kept.iter().map(Stretch::steps).sum();
    let total: f64 = kept.iter().map(|stretch| stretch.seconds * stretch.steps() as f64).sum();
    Some(Speed {
        images,
        steps: count,
        each: kept.iter().map(Stretch::steps).max().unwrap_or(1),
        median,
        low,
        high,
        p5: quantile(&sorted, 0.05),
        p95: quantile(&sorted, 0.95),
        mean: total / count as f64,
        floor,
        excluded,
        confidence,
    })
}

/// The stretches that count, and the others by reason.
pub(super) fn split(stretches: &[Stretch], cadence: &Cadence) -> (Vec<Stretch>, Vec<Excluded>) {
    let mut excluded: Vec<Excluded> = Vec::new();
    let (mut kept, mut start, mut next) = (Vec::new(), 0, None);
    for stretch in stretches {
        if next != Some(stretch.first) {
            start = stretch.first;
        }
        next = Some(stretch.last + 1);
        let reasons = (stretch.first..=stretch.last).filter_map(|step| Some((step, cadence.reason(step, start)?)));
        let Some((first, reason)) = reasons.min_by_key(|(_, reason)| *reason) else {
            kept.push(*stretch);
            continue;
        };
        let (steps, seconds) = (stretch.steps(), stretch.seconds * stretch.steps() as f64);
        match excluded.iter_mut().find(|excluded| excluded.reason == reason) {
            Some(known) => {
                known.steps += steps;
                known.seconds += seconds;
            }
            None => excluded.push(Excluded { reason, steps, first, seconds }),
        }
    }
    excluded.sort_by_key(|excluded| excluded.reason);
    (kept, excluded)
}

/// The quantile of sorted values, between neighbours by a straight line.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = share * last as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

/// The median of values in any order, between both middle ones.
pub(super) fn middle(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}
