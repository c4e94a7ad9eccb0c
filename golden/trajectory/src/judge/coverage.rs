//! Which iterations and meters a log has.

use std::collections::BTreeSet;

use super::{Comparison, Options, of_meter};
use crate::finding::{CheckKind, Common, Detail, Finding, Iterations, Status, Unseen};
use crate::grid::cadence;
use crate::meters::{self, MeterKind, STEP_TOTAL_LOSS, TOTAL_LOSS};
use crate::run::{Resolution, Run};

/// So many iterations are listed.
const LISTED: usize = 10;

/// Half of the 20 steps of a median.
const HALF_A_MEDIAN: u64 = 10;

/// How much two logs have in common.
pub(super) struct Covered {
    pub(super) common: Common,
    /// The iterations that are expected.
    pub(super) expected: Vec<u64>,
    /// All iterations of the other run, also those that are not expected.
    pub(super) against: Vec<u64>,
    /// The comparison covers the steps below this.
    pub(super) steps: u64,
    /// The steps of the other run.
    pub(super) whole: u64,
    /// Steps from a line to the next, of the candidate and of the other run.
    pub(super) cadence: (u64, u64),
    /// The candidate logs each step, and the other run medians.
    pub(super) each_step: bool,
}

/// What both have. A candidate that logs less often than the other run is held to its own iterations.
pub(super) fn covered(candidate: &Run, against: &Run, options: &Options) -> Covered {
    let (own, all) = (candidate.iterations(), against.iterations());
    let whole = all.last().map_or(0, |last| last + 1);
    let steps = options.until.map_or(whole, |until| until.min(whole));
    let cadence = (cadence(&own), cadence(&all));
    let coarser = cadence.0 > cadence.1 && own.len() > 2;
    let last = steps.saturating_sub(1);
    let asked =
        |iteration: &u64| *iteration < steps && (!coarser || iteration.is_multiple_of(cadence.0) || *iteration == last);
    let expected: Vec<u64> = all.iter().copied().filter(asked).collect();
    let both: Vec<u64> = expected.iter().copied().filter(|iteration| own.binary_search(iteration).is_ok()).collect();
    let common = Common {
        candidate: own.len() as u64,
        expected: expected.len() as u64,
        both: both.len() as u64,
        first: both.first().copied(),
        last: both.last().copied(),
    };
    let each_step = cadence.0 == 1 && cadence.1 > 1 && own.len() > 2;
    Covered { common, expected, against: all, steps, whole, cadence, each_step }
}

pub(super) fn findings(comparison: &Comparison) -> Vec<Finding> {
    let own = comparison.candidate.iterations();
    let mut findings = vec![of(status_of(&comparison.covered.common), Detail::Covered(comparison.covered.common))];
    findings.extend(ends(comparison, &own));
    findings.extend(gaps(comparison, &own));
    findings.extend(order(comparison.candidate));
    findings.extend(horizon(comparison));
    findings.extend(columns(comparison));
    findings.extend(not_finite(comparison));
    findings.extend(resolution(comparison));
    let (candidate, against) = comparison.covered.cadence;
    if candidate != against && own.len() > 2 {
        let medians = comparison.covered.each_step;
        findings.push(of(Status::Note, Detail::Cadence { candidate, against, medians }));
    }
    findings.push(of(Status::Note, Detail::Unseen(Unseen::TeacherTemperature)));
    let each_step = |run: &Run| run.series(STEP_TOTAL_LOSS).is_some();
    if !(each_step(comparison.candidate) && each_step(comparison.against)) && against > 1 {
        findings.push(of(Status::Note, Detail::Unseen(Unseen::ShortSpikes { steps: HALF_A_MEDIAN })));
    }
    findings
}

fn of(status: Status, detail: Detail) -> Finding {
    Finding { check: CheckKind::Coverage, status, meter: None, window: None, detail }
}

fn status_of(common: &Common) -> Status {
    if common.both == 0 { Status::Inconclusive } else { Status::Pass }
}

fn iterations(all: &[u64]) -> Iterations {
    Iterations { count: all.len() as u64, first: all.iter().copied().take(LISTED).collect() }
}

fn ends(comparison: &Comparison, own: &[u64]) -> Vec<Finding> {
    let expected = &comparison.covered.expected;
    let (Some(&begin), Some(&end)) = (expected.first(), expected.last()) else { return Vec::new() };
    let mut findings = Vec::new();
    let last = own.last().copied();
    if last.is_none_or(|last| last < end) {
        findings.push(of(Status::Fail, Detail::Truncated { last, expected: end }));
    }
    if let Some(first) = own.first().copied().filter(|first| *first > begin) {
        findings.push(of(Status::Fail, Detail::BeginsLate { first, expected: begin }));
    }
    if let Some(last) = last.filter(|last| *last > end) {
        // The other run, or the part of it that is asked for, may be the shorter one.
        let status = if comparison.partial() { Status::Note } else { Status::Fail };
        findings.push(of(status, Detail::Longer { last, expected: end }));
    }
    findings
}

fn gaps(comparison: &Comparison, own: &[u64]) -> Option<Finding> {
    let (first, last) = (*own.first()?, *own.last()?);
    let inside = comparison.covered.expected.iter().copied().filter(|iteration| (first..=last).contains(iteration));
    let missing: Vec<u64> = inside.filter(|iteration| own.binary_search(iteration).is_err()).collect();
    (!missing.is_empty()).then(|| of(Status::Fail, Detail::Missing(iterations(&missing))))
}

/// Iterations that do not rise. A program that went on from a checkpoint repeats some: the log says so, or more than one
/// line comes again.
fn order(run: &Run) -> Vec<Finding> {
    let (mut seen, mut highest) = (BTreeSet::new(), None);
    let (mut restarts, mut repeated, mut late) = (Vec::new(), Vec::new(), Vec::new());
    let mut going_on = false;
    for (row, &iteration) in run.logged.iter().enumerate() {
        let falls = row > 0 && iteration <= run.logged[row - 1];
        if falls {
            let announced = run.starts.iter().any(|start| start.row == row);
            let again = run.logged[row..].iter().take(2).filter(|next| highest.is_some_and(|high| **next <= high));
            let rising = run.logged.get(row + 1).is_some_and(|next| *next > iteration);
            going_on = announced || (rising && again.count() == 2);
            if going_on {
                restarts.push(iteration);
            }
        }
        if !going_on && highest.is_some_and(|highest| iteration <= highest) {
            if seen.contains(&iteration) { repeated.push(iteration) } else { late.push(iteration) }
        }
        seen.insert(iteration);
        highest = highest.max(Some(iteration));
    }
    let finding = |all: &[u64], status, detail: fn(Iterations) -> Detail| {
        (!all.is_empty()).then(|| of(status, detail(iterations(all))))
    };
    [
        finding(&repeated, Status::Fail, Detail::Repeated),
        finding(&late, Status::Fail, Detail::OutOfOrder),
        finding(&restarts, Status::Note, Detail::Restarted),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn horizon(comparison: &Comparison) -> Option<Finding> {
    let (candidate, against) = (comparison.candidate.facts.horizon, comparison.against.facts.horizon);
    let status = match (candidate, against) {
        (Some(a), Some(b)) if a != b => Status::Fail,
        (Some(_), Some(_)) => return None,
        // The schedules show another horizon, if the log has them.
        _ => Status::Note,
    };
    Some(of(status, Detail::Horizon { candidate, against }))
}

fn columns(comparison: &Comparison) -> Vec<Finding> {
    let counts = |meter: &&str| meters::kind(meter).is_some() && *meter != STEP_TOTAL_LOSS;
    let names = |run: &Run| run.series.iter().map(|series| series.meter.clone()).collect::<Vec<_>>();
    let (own, theirs) = (names(comparison.candidate), names(comparison.against));
    let absent = |of: &[String], from: &[String]| -> Vec<String> {
        of.iter().filter(|meter| counts(&meter.as_str()) && !from.contains(meter)).cloned().collect()
    };
    let missing = absent(&theirs, &own).into_iter().map(|meter| {
        // Nothing is judged without the loss; without a term the verdict covers the others.
        let status = if meter == TOTAL_LOSS { Status::Inconclusive } else { Status::Note };
        of_meter(CheckKind::Coverage, status, &meter, Detail::MeterMissing)
    });
    let unknown = absent(&own, &theirs);
    let unknown = unknown.iter().map(|meter| of_meter(CheckKind::Coverage, Status::Note, meter, Detail::MeterUnknown));
    missing.chain(unknown).collect()
}

fn not_finite(comparison: &Comparison) -> Vec<Finding> {
    let steps = comparison.covered.steps;
    let series = comparison.candidate.series.iter().filter(|series| meters::kind(&series.meter).is_some());
    let findings = series.filter_map(|series| {
        let against = comparison.against.series(&series.meter);
        let there = |iteration| against.and_then(|against| against.at(iteration)).is_some_and(|it| !it.is_finite());
        let bad = series.points().filter(|(at, value)| *at < steps && !value.is_finite() && !there(*at));
        let bad: Vec<(u64, f64)> = bad.collect();
        let first = bad.first()?.0;
        let nan = bad.iter().filter(|(_, value)| value.is_nan()).count() as u64;
        let infinite = bad.len() as u64 - nan;
        let detail = Detail::NotFinite { nan, infinite, first };
        Some(of_meter(CheckKind::Coverage, Status::Fail, &series.meter, detail))
    });
    findings.collect()
}

fn resolution(comparison: &Comparison) -> Option<Finding> {
    let kinds = [MeterKind::Loss, MeterKind::GradientNorm, MeterKind::Schedule];
    let runs = [comparison.candidate, comparison.against];
    let series = runs.iter().flat_map(|run| &run.series);
    let compared = series.filter(|series| meters::kind(&series.meter).is_some_and(|kind| kinds.contains(&kind)));
    let coarsest = compared.fold(Resolution::Exact, |coarsest, series| coarsest.coarser(series.resolution));
    (coarsest != Resolution::Exact).then(|| of(Status::Note, Detail::Rounded(coarsest)))
}
