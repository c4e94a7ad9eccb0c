//! The meters that statistics compare.

use std::borrow::Cow;

use super::coverage::Covered;
use crate::finding::Window;
use crate::limits::Limit;
use crate::meters::{MeterKind, TOTAL_LOSS};
use crate::pairing::{self, Pairing, medians, scaled};
use crate::run::{Run, Series};
use crate::{grid, stats};

/// A meter of both runs.
pub(super) struct Meter<'a> {
    pub(super) kind: MeterKind,
    /// The candidate's values, as the other run logs them.
    pub(super) candidate: Cow<'a, Series>,
    pub(super) against: &'a Series,
    pub(super) pairing: Pairing,
    /// The correlation time of the difference behind the first steps, in points.
    pub(super) time: f64,
    /// The difference that is equivalent, stated beforehand.
    pub(super) margin: f64,
}

impl Meter<'_> {
    pub(super) fn name(&self) -> &str {
        &self.against.meter
    }

    /// The error that rounding in the two logs makes in the mean of so many points: each rounds by a uniform deviate,
    /// and no log is better than float32, in which the losses are computed.
    pub(super) fn rounding(&self, window: Window, points: usize) -> f64 {
        let level = self.level(window).abs();
        let steps = [self.candidate.resolution, self.against.resolution].map(|resolution| {
            let half = resolution.half_step(if self.kind == MeterKind::GradientNorm { level.exp() } else { level });
            // The logarithm of a rounded norm.
            if self.kind == MeterKind::GradientNorm { half / level.exp() } else { half }
        });
        let independent = (steps[0].powi(2) + steps[1].powi(2)) / 3.0 / points.max(1) as f64;
        let float = f64::from(f32::EPSILON) * if self.kind == MeterKind::GradientNorm { 1.0 } else { level };
        (independent + float.powi(2)).sqrt()
    }

    /// The other run's mean in a window.
    pub(super) fn level(&self, window: Window) -> f64 {
        let range = self.pairing.within(window);
        if range.is_empty() { 0.0 } else { stats::mean(&self.pairing.against[range]) }
    }
}

/// The meters of both runs, in the order of the other run.
pub(super) fn meters<'a>(candidate: &'a Run, against: &'a Run, covered: &Covered, margin: f64) -> Vec<Meter<'a>> {
    let tail = grid::tail(covered.steps);
    let level = |series: &Series, kind: MeterKind| {
        let within = series.points().filter(|(at, _)| tail.contains(*at)).map(|(_, value)| scaled(kind, value));
        let values: Vec<f64> = within.filter(|value| value.is_finite()).collect();
        if values.is_empty() { 0.0 } else { stats::mean(&values).abs() }
    };
    let total = against.series(TOTAL_LOSS).map_or(0.0, |series| level(series, MeterKind::Loss));
    let pair = |(series, kind): (&'a Series, MeterKind)| {
        let own = candidate.series(&series.meter)?;
        let own = if covered.each_step { Cow::Owned(medians(own, &covered.against)) } else { Cow::Borrowed(own) };
        let margin = match kind {
            MeterKind::GradientNorm => Limit::FactorSize.value().ln(),
            MeterKind::Loss => margin * level(series, kind).max(total),
            _ => margin * level(series, kind),
        };
        let pairing = Pairing::new(kind, &own, series, covered.steps);
        let time = stats::correlation_time(&pairing.difference[pairing.within(grid::settled(covered.steps))]);
        Some(Meter { kind, candidate: own, against: series, pairing, time, margin })
    };
    pairing::compared(against).filter_map(pair).collect()
}
