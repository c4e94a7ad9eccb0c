//! The results of a judge.

use crate::metrics::Metrics;
use crate::names::{Dtype, Precision, Stage};
use crate::tolerance::Metric;

use super::Expectation;
use super::reason::Reason;
use super::rule::Verdict;

/// The outcome for one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The bits are the same. Passes.
    Identical,
    /// Rounding explains the difference, and the same bits could not be expected. Passes.
    WithinYardstick,
    /// Rounding explains the difference, but the fingerprints match and the same bits were expected. Fails.
    NotIdentical,
    /// The bits differ, and no rule judges the difference. Neither passes nor fails.
    NotJudged,
    /// The value is further from the truth than rounding explains. Fails.
    Beyond,
    /// The value is NaN or infinite at a position where the truth is finite, or the other way round. Fails.
    NonFinite,
    /// The shape differs. Fails.
    ShapeDiffers,
    /// The dtype differs. Fails.
    DtypeDiffers,
    /// The candidate has no such value. Fails.
    Missing,
    /// The candidate has no such value, and need not have it. Neither passes nor fails.
    Waived,
    /// The golden set has no such entry, or the candidate showed it twice. Fails.
    Unexpected,
}

impl Outcome {
    /// Whether the entry passes.
    pub fn passes(self) -> bool {
        matches!(self, Self::Identical | Self::WithinYardstick)
    }

    /// Whether the entry fails. An entry that is not judged, or is waived, neither passes nor fails.
    pub fn fails(self) -> bool {
        !self.passes() && !matches!(self, Self::NotJudged | Self::Waived)
    }
}

/// One metric and its limit. All three figures are relative to the metric's scale ([`Metric`]), or in the unit of the
/// values if that scale is zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Check {
    /// The metric.
    pub metric: Metric,
    /// Error of the candidate.
    pub error: f64,
    /// The reference's own error at this precision: the largest error of the recorded run and the runs of the spread,
    /// or a borrowed error.
    pub yardstick: f64,
    /// The factor of the yardstick in the table.
    pub k: f64,
    /// Largest error that passes.
    pub limit: f64,
}

impl Check {
    /// Whether the error is within the limit. A NaN is not.
    pub fn passes(&self) -> bool {
        self.error <= self.limit
    }

    /// The error over the limit: at most 1 if the check passes, infinite for a NaN.
    pub fn share(&self) -> f64 {
        match (self.passes(), self.limit > 0.0) {
            (true, true) => self.error / self.limit,
            (true, false) => 0.0,
            (false, true) if !self.error.is_nan() => self.error / self.limit,
            _ => f64::INFINITY,
        }
    }
}

/// The judgement on one entry: outcome and figures.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryJudgement {
    /// Name of the entry.
    pub name: String,
    /// Part of the training step; `None` if the golden set does not know the name.
    pub stage: Option<Stage>,
    /// Index in the golden manifest's entries; `None` if the manifest lacks the entry, or the candidate showed it
    /// twice.
    pub index: Option<usize>,
    /// The verdict.
    pub outcome: Outcome,
    /// Whether the bits of the whole tensor are the reference's.
    pub identical: bool,
    /// Candidate against truth, on the stored elements; integers and entries without truth are measured against the
    /// reference. For a parameter that Adam moved: on the elements whose gradient is not within rounding of zero.
    pub metrics: Option<Metrics>,
    /// Reference at this precision against truth, on the stored elements.
    pub reference: Option<Metrics>,
    /// Error norm of the candidate over the yardstick, the reference's largest error norm in several runs; `None` if
    /// the yardstick is zero or unknown.
    pub ratio: Option<f64>,
    /// The metrics with their limits; empty if no metric decided the outcome.
    pub checks: Vec<Check>,
    /// The dtype whose eps is the unit of the floors; `None` if no floor was needed.
    pub resolution: Option<Dtype>,
    /// The larger entry that lent its yardstick, if this entry has too few elements.
    pub borrowed_from: Option<String>,
    /// The index of the first element that differs from the recording, in a series of several steps that was recorded
    /// in full.
    pub first_difference: Option<usize>,
    /// The reason why the entry fails, or is not judged.
    pub reason: Option<Reason>,
}

impl EntryJudgement {
    pub(super) fn new(name: &str, stage: Option<Stage>, outcome: Outcome) -> Self {
        Self {
            name: name.to_owned(),
            stage,
            index: None,
            outcome,
            identical: false,
            metrics: None,
            reference: None,
            ratio: None,
            checks: Vec::new(),
            resolution: None,
            borrowed_from: None,
            first_difference: None,
            reason: None,
        }
    }

    /// For want of a pass.
    pub(super) fn fail(&mut self, outcome: Outcome, reason: Reason) {
        self.outcome = outcome;
        self.reason = Some(reason);
    }

    /// Turns a verdict on the figures into an outcome, given the expectation.
    pub(super) fn conclude(&mut self, verdict: Verdict, expectation: &Expectation) {
        match verdict {
            Verdict::Within { checks } => {
                self.checks = checks;
                match expectation {
                    Expectation::Yardstick { .. } => self.outcome = Outcome::WithinYardstick,
                    Expectation::Identical => {
                        self.fail(Outcome::NotIdentical, Reason::BitsExpected);
                    }
                }
            }
            Verdict::Beyond { checks, reason } => {
                self.checks = checks;
                self.fail(Outcome::Beyond, reason);
            }
            Verdict::NonFinite { reason } => self.fail(Outcome::NonFinite, reason),
            Verdict::Unknown { reason } => self.fail(Outcome::NotJudged, reason),
        }
    }

    /// Whether the entry passes.
    pub fn passes(&self) -> bool {
        self.outcome.passes()
    }

    /// Whether the entry fails.
    pub fn fails(&self) -> bool {
        self.outcome.fails()
    }

    /// The largest error over its limit; `None` if no metric has a limit.
    pub fn share(&self) -> Option<f64> {
        self.checks.iter().map(Check::share).reduce(f64::max)
    }
}

/// The judgement on a candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct SetJudgement {
    /// Name of the golden set.
    pub set: String,
    /// The precision judged.
    pub precision: Precision,
    /// The requirement on the candidate's bits.
    pub expectation: Expectation,
    /// Every entry recorded at this precision, in execution order.
    pub entries: Vec<EntryJudgement>,
    /// Observed entries that the golden set does not have, in the order observed.
    pub unexpected: Vec<EntryJudgement>,
}

impl SetJudgement {
    /// Whether at least one entry passes, no entry fails, and no observed entry was unexpected.
    pub fn passes(&self) -> bool {
        let proved = self.entries.iter().any(EntryJudgement::passes);
        proved && self.unexpected.is_empty() && !self.entries.iter().any(EntryJudgement::fails)
    }

    /// Waives the missing entries that `allowed` names: the candidate need not have them.
    pub fn waive(&mut self, allowed: impl Fn(&str) -> bool) {
        for entry in self.entries.iter_mut().filter(|entry| entry.outcome == Outcome::Missing) {
            if allowed(&entry.name) {
                entry.outcome = Outcome::Waived;
            }
        }
    }

    /// The first entry in execution order that fails.
    pub fn first_divergence(&self) -> Option<&EntryJudgement> {
        self.entries.iter().find(|entry| entry.fails())
    }

    /// The first observed entry that fails: the place to look if a candidate recorded only some of the entries.
    pub fn first_wrong(&self) -> Option<&EntryJudgement> {
        self.entries.iter().find(|entry| entry.fails() && entry.outcome != Outcome::Missing)
    }

    /// The last entry that passes before the first divergence, or the last of all passing entries if there is no
    /// divergence.
    pub fn last_agreeing(&self) -> Option<&EntryJudgement> {
        self.entries.iter().take_while(|entry| !entry.fails()).filter(|entry| entry.passes()).last()
    }

    /// The entry with the largest ratio to its yardstick.
    pub fn worst(&self) -> Option<&EntryJudgement> {
        worst(&self.entries)
    }

    /// The number of entries with this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.entries.iter().filter(|entry| entry.outcome == outcome).count()
    }

    /// The number of entries with the reference's bits.
    pub fn identical(&self) -> usize {
        self.entries.iter().filter(|entry| entry.identical).count()
    }
}

/// The entry with the largest ratio to its yardstick. A NaN counts as the largest; the first of several equal entries
/// wins.
pub fn worst<'a>(entries: impl IntoIterator<Item = &'a EntryJudgement>) -> Option<&'a EntryJudgement> {
    let rank = |entry: &EntryJudgement| entry.ratio.map(|ratio| if ratio.is_nan() { f64::INFINITY } else { ratio });
    let known = entries.into_iter().filter(|entry| entry.ratio.is_some());
    known.reduce(|worst, entry| if rank(entry) > rank(worst) { entry } else { worst })
}
