//! Measures a spread from runs.

use super::{Band, MeterSpread, Moments, SCHEMA_VERSION, Spread, SpreadError, SpreadKind, WindowSpread};
use crate::finding::Window;
use crate::grid;
use crate::limits::Limit;
use crate::meters::{MeterKind, STEP_TOTAL_LOSS};
use crate::pairing::{self, Pairing, whole_mean};
use crate::plot::bins;
use crate::run::{Run, Series};
use crate::spikes::largest;
use crate::stats::{correlation_time, deviation, line, mean};

/// Windows with fewer points have no autocorrelation.
const CORRELATED: usize = 8;

impl Spread {
    /// Measures the spread of `runs` around `around`, which is one more of them. A run may be shorter than the others:
    /// it counts in the windows that it has as a whole.
    ///
    /// # Errors
    /// When there are too few runs, or `around` has no figures.
    pub fn measure(kind: SpreadKind, around: &Run, runs: &[Run]) -> Result<Self, SpreadError> {
        if runs.len() + 1 < Limit::FewestRuns.value() as usize {
            return Err(SpreadError::TooFewRuns(runs.len()));
        }
        let iterations = around.iterations();
        let Some(last) = iterations.last() else { return Err(SpreadError::Nothing(around.name.clone())) };
        let steps = last + 1;
        let measurer = Measurer { runs, steps, iterations: &iterations };
        let mut meters: Vec<MeterSpread> =
            pairing::compared(around).map(|(series, kind)| measurer.meter(series, kind)).collect();
        meters.extend(around.series(STEP_TOTAL_LOSS).map(|series| measurer.every_step(series)));
        let whole = runs.iter().filter(|run| run.last() == Some(*last)).count() + 1;
        Ok(Self { schema_version: SCHEMA_VERSION, kind, around: around.name.clone(), steps, runs: whole, meters })
    }
}

struct Measurer<'a> {
    runs: &'a [Run],
    steps: u64,
    iterations: &'a [u64],
}

impl Measurer<'_> {
    fn meter(&self, around: &Series, kind: MeterKind) -> MeterSpread {
        let members: Vec<&Series> =
            std::iter::once(around).chain(self.runs.iter().filter_map(|run| run.series(&around.meter))).collect();
        let settled = grid::settled(self.steps);
        let pairings: Vec<Pairing> =
            members.iter().map(|series| Pairing::new(kind, series, around, self.steps)).collect();
        let moments = |window| {
            let means = members.iter().filter_map(|series| whole_mean(kind, series, self.iterations, window));
            Moments::of(&means.collect::<Vec<f64>>()).at_least(noise(&pairings[1..], window))
        };
        let (mut slopes, mut spike) = (Vec::new(), 0.0_f64);
        for (pairing, series) in pairings.iter().zip(&members) {
            spike = spike.max(largest(pairing, self.steps).map_or(0.0, |spike| spike.largest));
            if whole_mean(kind, series, self.iterations, settled).is_some() {
                slopes.push(change(pairing, settled, self.steps));
            }
        }
        let windows = grid::windows(self.iterations).into_iter().map(|window| WindowSpread {
            window,
            moments: moments(window),
            autocorrelation: autocorrelation(&pairings[1..], window),
        });
        MeterSpread {
            meter: around.meter.clone(),
            kind,
            windows: windows.collect(),
            tail: moments(grid::tail(self.steps)),
            settled: moments(settled),
            slope: Moments::of(&slopes).at_least(noise(&pairings[1..], settled) * per_slope(settled, self.steps)),
            spike,
            band: self.band(kind, &members),
        }
    }

    /// The loss of every step: spikes alone.
    fn every_step(&self, around: &Series) -> MeterSpread {
        let members = self.runs.iter().filter_map(|run| run.series(STEP_TOTAL_LOSS));
        let spikes = members.filter_map(|series| {
            largest(&Pairing::new(MeterKind::Loss, series, around, self.steps), self.steps).map(|spike| spike.largest)
        });
        MeterSpread {
            meter: STEP_TOTAL_LOSS.to_owned(),
            kind: MeterKind::Loss,
            windows: Vec::new(),
            tail: Moments::of(&[]),
            settled: Moments::of(&[]),
            slope: Moments::of(&[]),
            spike: spikes.fold(0.0, f64::max),
            band: Vec::new(),
        }
    }

    fn band(&self, kind: MeterKind, members: &[&Series]) -> Vec<Band> {
        let bins = bins(self.iterations).into_iter();
        let band = bins.filter_map(|window| {
            let means = members.iter().filter_map(|series| whole_mean(kind, series, self.iterations, window));
            let Moments { runs, mean, deviation } = Moments::of(&means.collect::<Vec<f64>>());
            (runs > 1).then(|| Band { iteration: middle(self.iterations, window), mean, deviation })
        });
        band.collect()
    }
}

impl Moments {
    /// The moments of the figures of runs. Without a figure the mean is 0, with fewer than two the deviation is.
    pub(crate) fn of(figures: &[f64]) -> Self {
        let mean = if figures.is_empty() { 0.0 } else { mean(figures) };
        Self { runs: figures.len(), mean, deviation: if figures.len() < 2 { 0.0 } else { deviation(figures) } }
    }
}

impl Moments {
    /// The same with a deviation of at least so much.
    fn at_least(self, deviation: f64) -> Self {
        Self { deviation: self.deviation.max(deviation), ..self }
    }
}

/// The standard deviation of the mean of a run in a window, by the noise within runs.
///
/// Runs cannot be nearer to each other than this, and thousands of points know it well. A dozen runs by themselves give a
/// deviation that is half of the true one in one case of several hundred, and each correct run that is held against it
/// then fails in one case of twenty.
fn noise(pairings: &[Pairing], window: Window) -> f64 {
    let variance = |pairing: &Pairing| {
        let values = &pairing.difference[pairing.within(window)];
        let independent = values.len() as f64 / correlation_time(values);
        // Half of the difference's variance is the run's own, the other half that of the run in the middle.
        (values.len() >= CORRELATED).then(|| deviation(values).powi(2) / independent / 2.0)
    };
    let all: Vec<f64> = pairings.iter().filter_map(variance).collect();
    if all.is_empty() { 0.0 } else { mean(&all).sqrt() }
}

/// The deviation of a slope, times the steps of the run, for a deviation of 1 of the mean: that of a uniform design.
fn per_slope(settled: Window, steps: u64) -> f64 {
    12.0_f64.sqrt() * steps as f64 / (settled.to - settled.from).max(1) as f64
}

/// The slope of the difference behind the first steps, times the steps of the run.
pub(crate) fn change(pairing: &Pairing, settled: Window, steps: u64) -> f64 {
    let range = pairing.within(settled);
    let at: Vec<f64> = pairing.iterations[range.clone()].iter().map(|at| *at as f64 / steps as f64).collect();
    line(&at, &pairing.difference[range]).1
}

/// The middle of the iterations of a window.
pub(crate) fn middle(iterations: &[u64], window: Window) -> f64 {
    let within: Vec<f64> = iterations.iter().filter(|at| window.contains(**at)).map(|at| *at as f64).collect();
    mean(&within)
}

/// The correlation of neighbouring differences in a window, averaged over runs.
fn autocorrelation(pairings: &[Pairing], window: Window) -> Option<f64> {
    let of = |pairing: &Pairing| {
        let values = &pairing.difference[pairing.within(window)];
        let level = mean(values);
        let product =
            |lag: usize| values.iter().zip(&values[lag..]).map(|(a, b)| (a - level) * (b - level)).sum::<f64>();
        (values.len() >= CORRELATED && product(0) > 0.0).then(|| product(1) / product(0))
    };
    let all: Vec<f64> = pairings.iter().filter_map(of).collect();
    (!all.is_empty()).then(|| mean(&all))
}
