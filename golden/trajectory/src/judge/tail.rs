//! Equivalence of the tail, by two one-sided tests.

use super::{Comparison, of_meter};
use crate::finding::{CheckKind, Detail, Finding, Status, Window};
use crate::grid;
use crate::limits::Limit;
use crate::meters::MeterKind;
use crate::stats::beyond;

use super::meter::Meter;

pub(super) fn findings(comparison: &Comparison) -> Vec<Finding> {
    // Of a comparison that ends early on purpose, the last whole window stands for the tail.
    let tail = if comparison.partial() { comparison.last_window() } else { Some(grid::tail(comparison.covered.whole)) };
    let Some(tail) = tail else { return Vec::new() };
    let losses = comparison.meters.iter().filter(|meter| meter.kind == MeterKind::Loss);
    losses.map(|meter| finding(comparison, meter, tail)).collect()
}

fn finding(comparison: &Comparison, meter: &Meter, tail: Window) -> Finding {
    let partial = comparison.partial();
    let estimate = comparison
        .yardstick
        .mean(meter, tail, |spread| if partial { spread.window(tail, 0) } else { Some(spread.tail) });
    let Some(estimate) = estimate else {
        let have = meter.pairing.within(tail).len() as u64;
        let detail = match comparison.yardstick.spread() {
            Some(_) => Detail::FewRuns,
            None => Detail::TooFew { have, need: Limit::FewestBlocks.value() as u64 },
        };
        return Finding { window: Some(tail), ..of_meter(CheckKind::Tail, Status::Inconclusive, meter.name(), detail) };
    };
    // The spread of runs is known before the candidate.
    let spread = comparison.yardstick.spread().map_or(0.0, |_| Limit::MarginDeviations.value() * estimate.error);
    let margin = meter.margin.max(spread);
    let level = Limit::EquivalenceLevel.value();
    let below = beyond((margin + estimate.difference) / estimate.error, estimate.freedom);
    let above = beyond((margin - estimate.difference) / estimate.error, estimate.freedom);
    let p = below.max(above);
    let (lower, upper) = estimate.interval(2.0 * level);
    let outside = lower > margin || upper < -margin;
    let status = match (p < level, outside) {
        (true, _) => Status::Pass,
        (false, true) => Status::Fail,
        (false, false) => Status::Inconclusive,
    };
    let detail = Detail::Equivalence {
        difference: estimate.difference,
        lower,
        upper,
        margin,
        p,
        level,
        smallest_margin: lower.abs().max(upper.abs()),
        mean: meter.level(tail),
        effective: estimate.effective,
    };
    Finding { window: Some(tail), ..of_meter(CheckKind::Tail, status, meter.name(), detail) }
}
