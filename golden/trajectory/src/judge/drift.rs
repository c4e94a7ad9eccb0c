//! The slope of the difference.

use super::{Comparison, of_meter, pass_if};
use crate::finding::{CheckKind, Detail, Finding};
use crate::grid;
use crate::limits::Limit;
use crate::stats::holm;

/// One test a meter. A comparison that ends early on purpose has no slope over the whole run.
pub(super) fn findings(comparison: &Comparison) -> Vec<Finding> {
    if comparison.partial() {
        return Vec::new();
    }
    let steps = comparison.covered.whole;
    let settled = grid::settled(steps);
    let slope = |meter| comparison.yardstick.slope(meter, settled, steps).map(|estimate| (meter, estimate));
    let tests: Vec<_> = comparison.meters.iter().filter_map(slope).collect();
    let p: Vec<f64> = tests.iter().map(|(_, estimate)| estimate.p()).collect();
    let level = Limit::DriftLevel.value();
    let findings = tests.iter().zip(p.iter().zip(holm(&p))).map(|((meter, estimate), (p, adjusted))| {
        let (lower, upper) = estimate.interval(0.01);
        let detail = Detail::Slope { change: estimate.difference, lower, upper, p: *p, adjusted, level };
        let finding = of_meter(CheckKind::Drift, pass_if(adjusted > level), meter.name(), detail);
        Finding { window: Some(settled), ..finding }
    });
    findings.collect()
}
