//! Times that change over a run: all the time, or from some step on.

use super::{Doubt, Flag, middle, width};
use crate::limits::Limit;
use crate::stats::{both_sides, correlation_time, deviation, line, mean};

/// A change over a run.
pub(super) struct Trend {
    pub(super) doubt: Doubt,
    /// The first time behind a jump.
    pub(super) place: Option<usize>,
}

/// A fit of the times: what it leaves, and what it says.
struct Fit {
    flag: Flag,
    /// The change over the run, in the unit of the times.
    change: f64,
    residuals: Vec<f64>,
    /// The variance of `change` for residuals of variance 1 that do not depend on each other.
    variance: f64,
    /// Fits that were tried.
    tried: f64,
    place: Option<usize>,
}

/// The change of times in the order of the run, by a straight line or by a step, whichever leaves less; `None` if it is
/// smaller than the limit, or chance explains it.
pub(super) fn of(times: &[f64], median: f64) -> Option<Trend> {
    // One slow step is no change.
    let reach = 5.0 * width(&sorted(times), median);
    let clipped: Vec<f64> = match reach > 0.0 {
        true => times.iter().map(|time| time.clamp(median - reach, median + reach)).collect(),
        false => times.to_vec(),
    };
    let (straight, step) = (straight(&clipped), step(&clipped));
    let left = |fit: &Fit| fit.residuals.iter().map(|residual| residual * residual).sum::<f64>();
    let fit = match step {
        Some(step) if left(&step) < left(&straight) => Fit { change: jump(times, step.place), ..step },
        _ => straight,
    };
    let (value, limit) = (fit.change / median, Limit::TrendSize.value());
    let certain = chance(&fit) < Limit::TrendLevel.value();
    let doubt = Doubt { flag: fit.flag, value, limit, at: None };
    (value.abs() > limit && certain).then_some(Trend { doubt, place: fit.place })
}

fn sorted(times: &[f64]) -> Vec<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The probability of such a change in times that do not change.
fn chance(fit: &Fit) -> f64 {
    let time = correlation_time(&fit.residuals);
    let freedom = fit.residuals.len() as f64 / time - 2.0;
    if freedom < 3.0 {
        return 1.0;
    }
    let error = deviation(&fit.residuals) * (fit.variance * time).sqrt();
    if error == 0.0 {
        return 0.0;
    }
    both_sides(fit.change / error, freedom) * (fit.tried / time).max(1.0)
}

fn straight(times: &[f64]) -> Fit {
    let at: Vec<f64> = (0..times.len()).map(|index| index as f64).collect();
    let (level, slope) = line(&at, times);
    let residuals = at.iter().zip(times).map(|(at, time)| time - level - slope * at).collect();
    let (middle, length) = (mean(&at), times.len() as f64);
    let spread: f64 = at.iter().map(|at| (at - middle).powi(2)).sum();
    let variance = length * length / spread;
    Fit { flag: Flag::Drift, change: slope * length, residuals, variance, tried: 1.0, place: None }
}

/// The best step, with a tenth of the times on each side at least; `None` for too few times.
fn step(times: &[f64]) -> Option<Fit> {
    let (count, side) = (times.len(), (times.len() / 10).max(3));
    let total: f64 = times.iter().sum();
    let mut before: f64 = times[..side.min(count)].iter().sum();
    let mut best: Option<(usize, f64)> = None;
    let last = (count + 1).saturating_sub(side);
    for (place, next) in times.iter().enumerate().take(last).skip(side) {
        let (left, right) = (place as f64, (count - place) as f64);
        let difference = (total - before) / right - before / left;
        // The square that the step takes away.
        let taken = difference * difference * left * right / count as f64;
        if best.is_none_or(|(_, most)| taken > most) {
            best = Some((place, taken));
        }
        before += next;
    }
    let (place, _) = best?;
    let (left, right) = times.split_at(place);
    let (low, high) = (mean(left), mean(right));
    let residuals = left.iter().map(|time| time - low).chain(right.iter().map(|time| time - high)).collect();
    let variance = 1.0 / left.len() as f64 + 1.0 / right.len() as f64;
    let tried = (count - 2 * side) as f64;
    Some(Fit { flag: Flag::Jump, change: high - low, residuals, variance, tried, place: Some(place) })
}

/// The difference of the medians on both sides.
fn jump(times: &[f64], place: Option<usize>) -> f64 {
    let (left, right) = times.split_at(place.unwrap_or_default());
    middle(right) - middle(left)
}
