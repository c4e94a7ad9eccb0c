//! One meter of two runs, side by side.

use crate::finding::Window;
use crate::meters::{MeterKind, kind};
use crate::run::{Resolution, Run, Series};
use crate::stats::{mean, median};

/// The values of one meter where both runs have a finite one. Norms are natural logarithms.
#[derive(Debug, Clone)]
pub(crate) struct Pairing {
    pub(crate) iterations: Vec<u64>,
    pub(crate) against: Vec<f64>,
    /// Candidate minus other.
    pub(crate) difference: Vec<f64>,
}

/// The value on the scale on which a meter is compared.
pub(crate) fn scaled(kind: MeterKind, value: f64) -> f64 {
    if kind == MeterKind::GradientNorm { value.ln() } else { value }
}

impl Pairing {
    /// Pairs two series of one meter; of the iterations, those below `steps`.
    pub(crate) fn new(kind: MeterKind, candidate: &Series, against: &Series, steps: u64) -> Self {
        let mut pairing = Self { iterations: Vec::new(), against: Vec::new(), difference: Vec::new() };
        let mut theirs = against.points().peekable();
        for (iteration, value) in candidate.points().take_while(|(iteration, _)| *iteration < steps) {
            while theirs.next_if(|(other, _)| *other < iteration).is_some() {}
            let Some((_, other)) = theirs.next_if(|(other, _)| *other == iteration) else { continue };
            let (value, other) = (scaled(kind, value), scaled(kind, other));
            if value.is_finite() && other.is_finite() {
                pairing.iterations.push(iteration);
                pairing.against.push(other);
                pairing.difference.push(value - other);
            }
        }
        pairing
    }

    /// One run by itself: its values stand for the difference.
    pub(crate) fn alone(kind: MeterKind, series: &Series, steps: u64) -> Self {
        let points = series.points().take_while(|(iteration, _)| *iteration < steps);
        let finite = points.map(|(at, value)| (at, scaled(kind, value))).filter(|(_, value)| value.is_finite());
        let (iterations, difference): (Vec<u64>, Vec<f64>) = finite.unzip();
        Self { against: difference.clone(), iterations, difference }
    }

    /// The places of a window's iterations.
    pub(crate) fn within(&self, window: Window) -> std::ops::Range<usize> {
        let place = |iteration| self.iterations.partition_point(|at| *at < iteration);
        place(window.from)..place(window.to)
    }

    /// The mean of the difference in a window; NaN where it has no point.
    pub(crate) fn mean(&self, window: Window) -> f64 {
        mean(&self.difference[self.within(window)])
    }
}

/// The meters that statistics compare, in the order of the run; the loss of every step is not one of them.
pub(crate) fn compared(run: &Run) -> impl Iterator<Item = (&Series, MeterKind)> {
    let statistical = |kind: &MeterKind| !matches!(kind, MeterKind::Schedule | MeterKind::Setting);
    let series = run.series.iter().filter(|series| series.meter != crate::meters::STEP_TOTAL_LOSS);
    series.filter_map(move |series| kind(&series.meter).filter(statistical).map(|kind| (series, kind)))
}

/// The mean of a run's values in a window, on the scale of the meter; `None` unless it has each of `iterations` there.
pub(crate) fn whole_mean(kind: MeterKind, series: &Series, iterations: &[u64], window: Window) -> Option<f64> {
    let place = |series: &[u64], iteration| series.partition_point(|at| *at < iteration);
    let wanted = &iterations[place(iterations, window.from)..place(iterations, window.to)];
    let range = place(&series.iterations, window.from)..place(&series.iterations, window.to);
    if wanted.is_empty() || series.iterations[range.clone()] != *wanted {
        return None;
    }
    let values: Vec<f64> = series.values[range].iter().map(|value| scaled(kind, *value)).collect();
    Some(mean(&values)).filter(|mean| mean.is_finite())
}

/// A series of each step as the reference logs it: at each of `iterations` the median of the last 20 steps.
pub(crate) fn medians(series: &Series, iterations: &[u64]) -> Series {
    const WINDOW: usize = 20;
    let (mut its, mut values) = (Vec::new(), Vec::new());
    for (place, iteration) in series.iterations.iter().enumerate() {
        if iterations.binary_search(iteration).is_ok() {
            let mut last = series.values[(place + 1).saturating_sub(WINDOW)..=place].to_vec();
            let nan = last.iter().any(|value| value.is_nan());
            its.push(*iteration);
            values.push(if nan { f64::NAN } else { median(&mut last) });
        }
    }
    let resolution: Resolution = series.resolution;
    Series { meter: series.meter.clone(), iterations: its, values, resolution }
}

/// The mean of a run's finite values in a window, on the scale of the meter.
pub(crate) fn window_mean(kind: MeterKind, series: &Series, window: Window) -> f64 {
    let place = |iteration| series.iterations.partition_point(|at| *at < iteration);
    let values = series.values[place(window.from)..place(window.to)].iter().map(|value| scaled(kind, *value));
    mean(&values.filter(|value| value.is_finite()).collect::<Vec<f64>>())
}
