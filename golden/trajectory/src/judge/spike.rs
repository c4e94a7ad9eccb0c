//! A few steps that stand out.

use super::{Comparison, of_meter, pass_if};
use crate::finding::{CheckKind, Detail, Finding};
use crate::limits::Limit;
use crate::meters::{MeterKind, STEP_TOTAL_LOSS};
use crate::pairing::Pairing;
use crate::run::Series;
use crate::spikes::{largest, residuals};
use crate::stats::normal_exceeded;

/// The largest residual of each meter, and of the loss of each step where both runs have it.
pub(super) fn findings(comparison: &Comparison) -> Vec<Finding> {
    let steps = comparison.covered.steps;
    let each_step = comparison.candidate.series(STEP_TOTAL_LOSS).zip(comparison.against.series(STEP_TOTAL_LOSS));
    let each_step = each_step.map(|(own, series)| (Pairing::new(MeterKind::Loss, own, series, steps), series));
    let count = comparison.meters.len() + usize::from(each_step.is_some());
    let meters = comparison.meters.iter().map(|meter| (&meter.pairing, meter.against, meter.kind));
    let each_step = each_step.as_ref().map(|(pairing, series)| (pairing, *series, MeterKind::Loss));
    let findings =
        meters.chain(each_step).filter_map(|(pairing, series, kind)| finding(comparison, pairing, series, kind, count));
    findings.collect()
}

fn finding(
    comparison: &Comparison,
    pairing: &Pairing,
    series: &Series,
    kind: MeterKind,
    tests: usize,
) -> Option<Finding> {
    let steps = comparison.covered.steps;
    let residuals = residuals(pairing, steps)?;
    let spike = largest(pairing, steps)?;
    let points = residuals.heights.len() * tests;
    let normal = normal_exceeded(Limit::SpikeLevel.value() / points as f64 / 2.0);
    let spread = match comparison.yardstick.spread() {
        Some(spread) => Some(spread.meter(&series.meter)?),
        None => None,
    };
    let seen = spread.map_or_else(
        // The other run by itself: its curve has the same noise.
        || largest(&Pairing::alone(kind, series, steps), steps).map_or(0.0, |spike| spike.largest),
        |spread| spread.spike,
    );
    let limit = (Limit::SpikeScale.value() * normal).max(Limit::SpikeHeadroom.value() * seen);
    let iteration = |index: usize| pairing.iterations[residuals.first + index];
    // Before an ulp has grown up two runs agree to seven digits, and what stands out there by itself is far within what correct runs become apart.
    let floor = |index: usize| spread.and_then(|spread| spread.around(iteration(index))).unwrap_or(0.0);
    let stands_out =
        |index: &usize| residuals.deviation(*index) > limit && residuals.heights[*index].abs() > floor(*index);
    let over: Vec<usize> = (0..residuals.heights.len()).filter(stands_out).collect();
    let at = pairing.iterations[spike.place];
    let detail = Detail::Spike {
        largest: spike.largest,
        limit,
        height: spike.height,
        from: over.first().map_or(at, |index| iteration(*index)),
        to: over.last().map_or(at, |index| iteration(*index)),
        count: over.len() as u64,
        each_step: series.meter == STEP_TOTAL_LOSS,
    };
    Some(of_meter(CheckKind::Spikes, pass_if(over.is_empty()), &series.meter, detail))
}
