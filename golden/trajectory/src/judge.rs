//! Whether a run is one more run of the same recipe.

mod coverage;
mod drift;
mod estimate;
mod factor;
mod identity;
mod meter;
mod schedule;
mod spike;
mod tail;
mod two;
mod windows;

use crate::finding::{Basis, CheckKind, Common, Detail, Finding, Outcome, Status, Verdict};
use crate::grid;
use crate::limits::Limit;
use crate::plot;
use crate::run::Run;
use crate::spread::{Spread, SpreadKind};

use coverage::Covered;
use estimate::Yardstick;
use meter::Meter;

pub use two::judge_two;

/// What the caller states before a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Options {
    /// The candidate has only the first so many steps of the other run on purpose.
    pub until: Option<u64>,
    /// The same bits are expected: nothing else passes.
    pub identical: bool,
    /// The margin of equivalence, relative to the loss; [`Limit::Margin`] if none is given.
    pub margin: Option<f64>,
}

impl Options {
    fn margin(&self) -> f64 {
        self.margin.unwrap_or_else(|| Limit::Margin.value())
    }
}

/// Judges a run against a golden run and the spread around it.
pub fn judge(candidate: &Run, golden: &Run, spread: &Spread, options: &Options) -> Verdict {
    Comparison::new(candidate, golden, Yardstick::Runs(spread), options).verdict()
}

/// Judges a run against another one of any recipe. `further` runs of that recipe give the spread; if there are too few
/// of them, the two logs alone do.
pub fn judge_pair(candidate: &Run, against: &Run, further: &[Run], options: &Options) -> Verdict {
    match Spread::measure(SpreadKind::Unknown, against, further) {
        Ok(spread) => Comparison::new(candidate, against, Yardstick::Runs(&spread), options).verdict(),
        Err(_) => Comparison::new(candidate, against, Yardstick::Own { further: further.len() }, options).verdict(),
    }
}

/// Two runs side by side.
struct Comparison<'a> {
    candidate: &'a Run,
    against: &'a Run,
    yardstick: Yardstick<'a>,
    options: &'a Options,
    covered: Covered,
    meters: Vec<Meter<'a>>,
}

impl<'a> Comparison<'a> {
    fn new(candidate: &'a Run, against: &'a Run, yardstick: Yardstick<'a>, options: &'a Options) -> Self {
        let covered = coverage::covered(candidate, against, options);
        let meters = meter::meters(candidate, against, &covered, options.margin());
        Self { candidate, against, yardstick, options, covered, meters }
    }

    fn verdict(&self) -> Verdict {
        let mut findings = coverage::findings(self);
        findings.extend(identity::findings(self));
        findings.extend(schedule::findings(self));
        let single = self.covered.common.both == 1;
        let mut basis = Basis::Nothing;
        if single {
            findings.extend(two::findings(self));
        } else {
            let windows = windows::findings(self);
            basis = self.yardstick.basis(windows.power);
            findings.extend(windows.findings);
            findings.extend(tail::findings(self));
            findings.extend(drift::findings(self));
            findings.extend(spike::findings(self));
            findings.extend(factor::findings(self));
        }
        Verdict {
            outcome: outcome(&findings, &self.covered.common),
            candidate: self.candidate.name.clone(),
            against: self.against.name.clone(),
            common: self.covered.common,
            basis,
            findings,
            plots: self.plots(),
        }
    }

    fn plots(&self) -> Vec<plot::Plot> {
        let spread = |meter: &Meter| self.yardstick.spread().and_then(|spread| spread.meter(meter.name()));
        let plot = |meter: &Meter| {
            plot::plot(meter.kind, Some(&*meter.candidate), meter.against, &self.covered.against, spread(meter))
        };
        self.meters.iter().map(plot).collect()
    }

    /// Whether the comparison ends before the other run does.
    fn partial(&self) -> bool {
        self.options.until.is_some_and(|until| until < self.covered.whole)
    }

    /// The last window of a partial comparison that is whole.
    fn last_window(&self) -> Option<crate::finding::Window> {
        grid::windows(&self.covered.against).into_iter().rfind(|window| window.to <= self.covered.steps)
    }
}

fn outcome(findings: &[Finding], common: &Common) -> Outcome {
    let worst = findings.iter().map(|finding| finding.status).max().unwrap_or(Status::Inconclusive);
    let identical = findings.iter().any(|finding| {
        matches!(finding.detail, Detail::Prefix { steps, of, exact: true, parting: None, .. } if steps == of && of > 0)
    });
    match worst {
        Status::Fail => Outcome::Differs,
        _ if identical && common.both == common.expected => Outcome::Identical,
        Status::Inconclusive => Outcome::Inconclusive,
        _ if findings.iter().any(|it| it.check == CheckKind::Tail && it.status == Status::Pass) => Outcome::Follows,
        _ => Outcome::Inconclusive,
    }
}

/// A finding about a meter.
fn of_meter(check: CheckKind, status: Status, meter: &str, detail: Detail) -> Finding {
    Finding { check, status, meter: Some(meter.to_owned()), window: None, detail }
}

/// Pass or fail.
fn pass_if(passes: bool) -> Status {
    if passes { Status::Pass } else { Status::Fail }
}

#[cfg(test)]
mod tests;
