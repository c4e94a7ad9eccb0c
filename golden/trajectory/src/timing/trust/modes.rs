//! Steps of two kinds.

use super::{Doubt, Flag};
use crate::limits::Limit;

/// Steps of two kinds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Modes {
    pub(super) doubt: Doubt,
    /// The fastest of the slow ones.
    pub(super) border: f64,
}

/// The doubt about sorted times that fall into two groups: both are more than a few, each is narrow against their
/// distance.
///
/// The groups are those whose means leave the least square. Half of a normal distribution is 2.6 of its own deviations
/// from the other half, half of a uniform one 3.5.
pub(super) fn of(sorted: &[f64], median: f64) -> Option<Modes> {
    let count = sorted.len();
    let total: f64 = sorted.iter().sum();
    let fewest = ((Limit::ModeShare.value() * count as f64).ceil() as usize).max(2);
    let mut low: f64 = sorted[..fewest.min(count)].iter().sum();
    let mut best: Option<(usize, f64)> = None;
    let last = (count + 1).saturating_sub(fewest);
    for (place, next) in sorted.iter().enumerate().take(last).skip(fewest) {
        let (left, right) = (place as f64, (count - place) as f64);
        let between = ((total - low) / right - low / left).powi(2) * left * right;
        if best.is_none_or(|(_, most)| between > most) {
            best = Some((place, between));
        }
        low += next;
    }
    let place = best?.0;
    let (fast, slow) = sorted.split_at(place);
    let (fast, slow) = (group(fast), group(slow));
    let distance = slow.0 - fast.0;
    let width = f64::midpoint(fast.1, slow.1).sqrt();
    let apart = distance > Limit::ModeDistance.value() * width;
    let (value, limit) = (distance / median, Limit::ModeSize.value());
    let doubt = Doubt { flag: Flag::Bimodal, value, limit, at: None };
    (apart && value > limit).then_some(Modes { doubt, border: sorted[place] })
}

/// Mean and variance of a group without its slowest twentieth: outliers are another doubt.
fn group(sorted: &[f64]) -> (f64, f64) {
    let kept = &sorted[..sorted.len() - sorted.len() / 20];
    let mean = crate::stats::mean(kept);
    (mean, kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / kept.len() as f64)
}
