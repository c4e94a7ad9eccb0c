//! One value of each run: what two numbers allow, and what a better verdict needs.

use super::{Comparison, Options, Yardstick, of_meter};
use crate::finding::{CheckKind, Detail, Finding, Need, Status, Verdict};
use crate::limits::Limit;
use crate::meters::TOTAL_LOSS;
use crate::run::{Format, Resolution, Run, Series};
use crate::stats::exceeded;

/// So many runs are considered: the fewest, some more, a dozen.
const RUNS: [usize; 3] = [3, 5, 12];

/// Judges a final loss against another one, as published tables have them: `(name, loss)`, rounded to so many decimals.
pub fn judge_two(candidate: (&str, f64), against: (&str, f64), decimals: u32, options: &Options) -> Verdict {
    let run = |(name, value): (&str, f64)| Run {
        name: name.to_owned(),
        format: Format::Memory,
        logged: vec![0],
        series: vec![Series {
            meter: TOTAL_LOSS.to_owned(),
            iterations: vec![0],
            values: vec![value],
            resolution: Resolution::Decimals(decimals),
        }],
        ..Run::default()
    };
    let (candidate, against) = (run(candidate), run(against));
    Comparison::new(&candidate, &against, Yardstick::Own { further: 0 }, options).verdict()
}

/// What is found where the logs have one iteration in common.
pub(super) fn findings(comparison: &Comparison) -> Vec<Finding> {
    let found = comparison.meters.iter().filter(|meter| meter.name() == TOTAL_LOSS).filter_map(|meter| {
        let (difference, against) = (*meter.pairing.difference.first()?, *meter.pairing.against.first()?);
        let candidate = against + difference;
        let rounding = meter.candidate.resolution.half_step(candidate) + meter.against.resolution.half_step(against);
        let needs =
            RUNS.map(|runs| Need { runs, largest_spread: largest_spread(runs, meter.margin, difference, rounding) });
        let detail =
            Detail::TwoNumbers { candidate, against, difference, rounding, margin: meter.margin, needs: needs.into() };
        Some(of_meter(CheckKind::Tail, Status::Inconclusive, meter.name(), detail))
    });
    found.collect()
}

/// The largest standard deviation between `runs` runs at which two one-sided tests show a difference to be within the
/// margin.
fn largest_spread(runs: usize, margin: f64, difference: f64, rounding: f64) -> Option<f64> {
    let room = margin - difference.abs() - rounding;
    let runs = runs as f64;
    let errors = exceeded(Limit::EquivalenceLevel.value(), runs - 1.0) * (1.0 + 1.0 / runs).sqrt();
    (room > 0.0).then(|| room / errors)
}
