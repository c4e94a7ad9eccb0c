//! A difference and the error that it is held against: from further runs, or from the two logs alone.

use super::meter::Meter;
use crate::finding::{Basis, Power, Window};
use crate::limits::Limit;
use crate::meters::MeterKind;
use crate::spread::{Moments, Spread, change};
use crate::stats::{Blocks, blocks, both_sides, correlation_time, deviation, exceeded, line, mean};

/// What differences are held against.
pub(super) enum Yardstick<'a> {
    /// The spread of further runs.
    Runs(&'a Spread),
    /// Means of blocks of the difference of the two logs: there are too few further runs.
    Own {
        /// How many there are.
        further: usize,
    },
}

/// A difference with its standard error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Estimate {
    pub(super) difference: f64,
    pub(super) error: f64,
    /// Degrees of freedom of the error.
    pub(super) freedom: f64,
    /// A difference of this size is none.
    pub(super) allowance: f64,
    pub(super) points: u64,
    pub(super) effective: f64,
}

impl Estimate {
    /// The part of the difference that counts, in standard errors.
    pub(super) fn t(&self) -> f64 {
        let counts = (self.difference.abs() - self.allowance).max(0.0);
        if counts == 0.0 { 0.0 } else { counts / self.error * self.difference.signum() }
    }

    /// The probability of such a difference in a correct run.
    pub(super) fn p(&self) -> f64 {
        both_sides(self.t(), self.freedom)
    }

    /// The interval that holds the true difference with probability `1 - outside`.
    pub(super) fn interval(&self, outside: f64) -> (f64, f64) {
        let half = exceeded(outside / 2.0, self.freedom) * self.error;
        (self.difference - half, self.difference + half)
    }
}

impl<'a> Yardstick<'a> {
    pub(super) fn spread(&self) -> Option<&'a Spread> {
        match self {
            Self::Runs(spread) => Some(spread),
            Self::Own { .. } => None,
        }
    }

    pub(super) fn basis(&self, power: Option<Power>) -> Basis {
        match self {
            Self::Runs(spread) => Basis::Runs { runs: spread.runs, kind: spread.kind, power },
            Self::Own { further } => Basis::OwnWindows { further: *further, power },
        }
    }

    /// The mean difference in a window of the grid; `None` if there is too little.
    pub(super) fn window(&self, meter: &Meter, window: Window, settled: u64) -> Option<Estimate> {
        match self {
            Self::Runs(spread) => self.runs(meter, window, spread.meter(meter.name())?.window(window, settled)?),
            Self::Own { .. } => own(meter, window, window.from < settled),
        }
    }

    /// The mean difference in any window, with the moments of it over runs.
    pub(super) fn mean(
        &self,
        meter: &Meter,
        window: Window,
        moments: impl Fn(&crate::spread::MeterSpread) -> Option<Moments>,
    ) -> Option<Estimate> {
        match self {
            Self::Runs(spread) => self.runs(meter, window, moments(spread.meter(meter.name())?)?),
            Self::Own { .. } => own(meter, window, false),
        }
    }

    /// The slope of the difference, times the steps of the run.
    pub(super) fn slope(&self, meter: &Meter, settled: Window, steps: u64) -> Option<Estimate> {
        let range = meter.pairing.within(settled);
        let points = range.len() as u64;
        let values = &meter.pairing.difference[range.clone()];
        let rounding = meter.rounding(settled, values.len()) * 12.0_f64.sqrt();
        match self {
            Self::Runs(spread) => {
                let moments = spread.meter(meter.name())?.slope;
                let difference = change(&meter.pairing, settled, steps) - moments.mean;
                let effective = values.len() as f64 / correlation_time(values);
                one_more(moments, difference, rounding, points, effective)
            }
            Self::Own { .. } => {
                let Blocks { means, length, time } = blocks(values, meter.time);
                let effective = values.len() as f64 / time;
                let count = means.len() as f64;
                if count < Limit::FewestBlocks.value() + 1.0 {
                    return None;
                }
                let span = (settled.to - settled.from) as f64 / steps as f64;
                let each = length as f64 / values.len() as f64 * span;
                let at: Vec<f64> = (0..means.len()).map(|block| (block as f64 + 0.5) * each).collect();
                let (level, slope) = line(&at, &means);
                let square = at.iter().zip(&means).map(|(at, mean)| (mean - level - slope * at).powi(2)).sum::<f64>();
                let middle = mean(&at);
                let width: f64 = at.iter().map(|at| (at - middle).powi(2)).sum();
                let freedom = count - 2.0;
                let error = (square / freedom / width).sqrt().hypot(rounding);
                Some(Estimate { difference: slope, error, freedom, allowance: meter.margin, points, effective })
            }
        }
    }

    fn runs(&self, meter: &Meter, window: Window, moments: Moments) -> Option<Estimate> {
        let range = meter.pairing.within(window);
        if range.is_empty() {
            return None;
        }
        let values = &meter.pairing.difference[range.clone()];
        // The other run's mean over all its points, those that the candidate lacks too.
        let level = crate::pairing::window_mean(meter.kind, meter.against, window);
        let difference = meter.pairing.mean(window) + level - moments.mean;
        let rounding = meter.rounding(window, values.len());
        let effective = values.len() as f64 / correlation_time(values);
        one_more(moments, difference, rounding, values.len() as u64, effective)
    }
}

/// A run as one more of those whose figures have these moments.
fn one_more(moments: Moments, difference: f64, rounding: f64, points: u64, effective: f64) -> Option<Estimate> {
    if (moments.runs as f64) < Limit::FewestRuns.value() {
        return None;
    }
    let runs = moments.runs as f64;
    let error = (moments.deviation * (1.0 + 1.0 / runs).sqrt()).hypot(rounding);
    Some(Estimate { difference, error, freedom: runs - 1.0, allowance: 0.0, points, effective })
}

/// The mean of the difference of two logs, with an error from blocks of it, or from its effective number of points where
/// too few blocks fit. How far correct runs are apart is not known, so a difference within the margin is none.
fn own(meter: &Meter, window: Window, early: bool) -> Option<Estimate> {
    let values = &meter.pairing.difference[meter.pairing.within(window)];
    let Blocks { means, time, .. } = blocks(values, meter.time);
    let effective = values.len() as f64 / time;
    let fewest = Limit::FewestBlocks.value();
    let (count, spread) = if means.len() as f64 >= fewest {
        (means.len() as f64, deviation(&means))
    } else if effective >= fewest {
        (effective, deviation(values))
    } else {
        return None;
    };
    let error = (spread / count.sqrt()).hypot(meter.rounding(window, values.len()));
    let allowance = if early && meter.kind != MeterKind::GradientNorm {
        meter.margin.max(Limit::EarlyMargin.value() * meter.level(window).abs())
    } else {
        meter.margin
    };
    let points = values.len() as u64;
    Some(Estimate { difference: mean(values), error, freedom: count - 1.0, allowance, points, effective })
}
