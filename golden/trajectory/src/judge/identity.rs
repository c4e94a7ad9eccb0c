//! How far two runs are the same.

use super::Comparison;
use crate::finding::{CheckKind, Detail, Finding, Parting, Status};
use crate::meters::{STEP_TOTAL_LOSS, kind};
use crate::run::{Resolution, Series};

/// The prefix of the runs in which all that both log is the same.
pub(super) fn findings(comparison: &Comparison) -> Vec<Finding> {
    let both: Vec<(&Series, &Series)> = comparison
        .against
        .series
        .iter()
        .filter(|series| kind(&series.meter).is_some() && series.meter != STEP_TOTAL_LOSS)
        .filter_map(|series| comparison.candidate.series(&series.meter).map(|own| (own, series)))
        .collect();
    // The values of each step are no medians: other numbers of the same run.
    if both.is_empty() || comparison.covered.each_step {
        return Vec::new();
    }
    let exact = both.iter().all(|(own, series)| own.resolution.coarser(series.resolution) == Resolution::Exact);
    let lines = lines(comparison, &both);
    let each_step = each_step(comparison);
    let (steps, of, parting) = match &each_step {
        // Medians alone: lines are counted, for they are what was compared.
        None => (lines.same, comparison.covered.expected.len() as u64, lines.parting),
        Some(each) => prefix(comparison, lines, each),
    };
    let whole = parting.is_none() && steps == of;
    let status = match (whole && exact, comparison.options.identical) {
        (true, _) => Status::Pass,
        (false, true) if whole => Status::Inconclusive,
        (false, true) => Status::Fail,
        (false, false) => Status::Note,
    };
    let detail = Detail::Prefix { steps, of, each_step: each_step.is_some(), exact, parting };
    vec![Finding { check: CheckKind::Identity, status, meter: None, window: None, detail }]
}

/// The identical steps, of how many, and where they end: by the lines, and by the loss of each step.
fn prefix(comparison: &Comparison, lines: Lines, each: &Lines) -> (u64, u64, Option<Parting>) {
    let of = comparison.covered.steps;
    let earlier = each.steps < of && lines.parting.as_ref().is_none_or(|parting| each.steps <= parting.iteration);
    let parting = if earlier { each.parting.clone() } else { lines.parting };
    let all_lines = lines.same == comparison.covered.expected.len() as u64;
    // Behind the last line the steps alone say how far it goes; a line that is missing ends it.
    let known = if parting.is_some() || all_lines { u64::MAX } else { lines.steps };
    (each.steps.min(known).min(of), of, parting)
}

struct Lines {
    /// Steps up to the last line that is the same.
    steps: u64,
    /// Lines that are the same.
    same: u64,
    parting: Option<Parting>,
}

fn lines(comparison: &Comparison, both: &[(&Series, &Series)]) -> Lines {
    let (mut steps, mut same) = (0, 0);
    for &iteration in &comparison.covered.expected {
        let mut any = false;
        for (own, series) in both {
            let (Some(candidate), Some(against)) = (own.at(iteration), series.at(iteration)) else { continue };
            any = true;
            if !own.resolution.agree(candidate, series.resolution, against) {
                let parting = Parting { iteration, meter: series.meter.clone(), candidate, against };
                return Lines { steps, same, parting: Some(parting) };
            }
        }
        // Behind a line that is missing nothing is a prefix.
        if !any {
            break;
        }
        (steps, same) = (iteration + 1, same + 1);
    }
    Lines { steps, same, parting: None }
}

/// The same by the loss of each step, where both runs have it.
fn each_step(comparison: &Comparison) -> Option<Lines> {
    let own = comparison.candidate.series(STEP_TOTAL_LOSS)?;
    let series = comparison.against.series(STEP_TOTAL_LOSS)?;
    for (place, iteration) in series.iterations.iter().copied().enumerate() {
        if iteration >= comparison.covered.steps {
            break;
        }
        let against = series.values[place];
        let steps = |steps: u64, parting: Option<Parting>| Some(Lines { steps, same: steps, parting });
        let Some(candidate) = own.at(iteration) else { return steps(iteration, None) };
        // Each step's loss is a float32 number; a log of doubles holds it exactly.
        if !own.resolution.agree(candidate, series.resolution, against) {
            let parting = Parting { iteration, meter: STEP_TOTAL_LOSS.to_owned(), candidate, against };
            return steps(iteration, Some(parting));
        }
    }
    let steps = comparison.covered.steps;
    Some(Lines { steps, same: steps, parting: None })
}
