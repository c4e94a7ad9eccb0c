//! The deviation in each window, for all meters, corrected together.

use super::estimate::Estimate;
use super::{Comparison, of_meter, pass_if};
use crate::finding::{CheckKind, Detail, Finding, Power, Status, Window};
use crate::grid;
use crate::limits::Limit;
use crate::meters::TOTAL_LOSS;
use crate::stats::{exceeded, holm, normal_exceeded};

pub(super) struct Windows {
    pub(super) findings: Vec<Finding>,
    pub(super) power: Option<Power>,
}

pub(super) fn findings(comparison: &Comparison) -> Windows {
    let covered = &comparison.covered;
    let settled = grid::settled(covered.whole).from;
    let windows: Vec<Window> =
        grid::windows(&covered.against).into_iter().filter(|window| window.to <= covered.steps).collect();
    let mut tests: Vec<(&str, Window, Estimate)> = Vec::new();
    let mut findings = Vec::new();
    for meter in &comparison.meters {
        let before = tests.len();
        for &window in &windows {
            let estimate = comparison.yardstick.window(meter, window, settled);
            tests.extend(estimate.map(|estimate| (meter.name(), window, estimate)));
        }
        if tests.len() == before {
            let (have, need) = (meter.pairing.difference.len() as u64, Limit::FewestBlocks.value() as u64);
            let detail = match comparison.yardstick.spread() {
                Some(_) => Detail::FewRuns,
                None => Detail::TooFew { have, need },
            };
            findings.push(of_meter(CheckKind::Windows, Status::Inconclusive, meter.name(), detail));
        }
    }
    let level = Limit::WindowLevel.value();
    let p: Vec<f64> = tests.iter().map(|(_, _, estimate)| estimate.p()).collect();
    let each = level / tests.len().max(1) as f64;
    for ((meter, window, estimate), (p, adjusted)) in tests.iter().zip(p.iter().zip(holm(&p))) {
        let detail = Detail::Deviation {
            difference: estimate.difference,
            error: estimate.error,
            deviation: estimate.t(),
            limit: exceeded(each / 2.0, estimate.freedom),
            p: *p,
            adjusted,
            points: estimate.points,
            effective: estimate.effective,
        };
        let finding = of_meter(CheckKind::Windows, pass_if(adjusted > level), meter, detail);
        findings.push(Finding { window: Some(*window), ..finding });
    }
    Windows { findings, power: power(comparison, &tests, each) }
}

/// The power of the last window of the total loss: a constant shift shows there best.
fn power(comparison: &Comparison, tests: &[(&str, Window, Estimate)], level: f64) -> Option<Power> {
    let (_, window, estimate) = tests.iter().rfind(|(meter, ..)| *meter == TOTAL_LOSS)?;
    let meter = comparison.meters.iter().find(|meter| meter.name() == TOTAL_LOSS)?;
    let missed = 1.0 - Limit::Power.value();
    let found = exceeded(level / 2.0, estimate.freedom) + exceeded(missed, estimate.freedom);
    let known = normal_exceeded(level / 2.0) + normal_exceeded(missed);
    let shift = |deviations: f64| deviations * estimate.error + estimate.allowance;
    let level = meter.level(*window).abs();
    Some(Power { smallest_shift: shift(found) / level, weaker: shift(found) / shift(known), freedom: estimate.freedom })
}
