//! What a judge says.

use crate::metrics::Metrics;
use crate::names::{Dtype, Precision, Stage};
use crate::tolerance::Metric;

use super::Expectation;
use super::reason::Reason;
use super::rule::Verdict;

/// What became of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The same bits. Passes.
    Identical,
    /// Other bits, explained by rounding, where the same could not be expected. Passes.
    WithinYardstick,
    /// Other bits, explained by rounding, where the fingerprints match and the same were expected. Fails.
    NotIdentical,
    /// Other bits, of which nothing can be said here. Neither passes nor fails.
    NotJudged,
    /// Further from the truth than rounding explains. Fails.
    Beyond,
    /// NaN or infinities where the truth has none, or the other way round. Fails.
    NonFinite,
    /// Another shape. Fails.
    ShapeDiffers,
    /// Another dtype. Fails.
    DtypeDiffers,
    /// The candidate has no such value. Fails.
    Missing,
    /// The golden set has no such entry, or the candidate showed it twice. Fails.
    Unexpected,
}

impl Outcome {
    /// Whether the entry may stand.
    pub fn passes(self) -> bool {
        matches!(self, Self::Identical | Self::WithinYardstick)
    }

    /// Whether the entry is wrong. One that is not judged is neither right nor wrong.
    pub fn fails(self) -> bool {
        !self.passes() && self != Self::NotJudged
    }
}

/// One metric held against its limit. All three figures are relative to the metric's scale ([`Metric`]), or in the unit of the
/// values where that scale is zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Check {
    /// What was measured.
    pub metric: Metric,
    /// Error of the candidate.
    pub error: f64,
    /// The reference's own error at this precision: the largest of the recorded run and those beside it, or a borrowed one.
    pub yardstick: f64,
    /// How many yardsticks the table lets pass.
    pub k: f64,
    /// Largest error that passes.
    pub limit: f64,
}

impl Check {
    /// Whether the limit is kept. A NaN never is.
    pub fn passes(&self) -> bool {
        self.error <= self.limit
    }

    /// The part of the limit that is used up: at most 1 where the check passes, infinite for a NaN.
    pub fn share(&self) -> f64 {
        match (self.passes(), self.limit > 0.0) {
            (true, true) => self.error / self.limit,
            (true, false) => 0.0,
            (false, true) if !self.error.is_nan() => self.error / self.limit,
            _ => f64::INFINITY,
        }
    }
}

/// What became of one entry, and the figures.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryJudgement {
    /// Name of the entry.
    pub name: String,
    /// Part of the training step; `None` if the golden set does not know the name.
    pub stage: Option<Stage>,
    /// Index in the golden manifest's entries; `None` if it is not there, or was shown twice.
    pub index: Option<usize>,
    /// The verdict.
    pub outcome: Outcome,
    /// Whether the bits of the whole tensor are the reference's.
    pub identical: bool,
    /// Candidate against truth (integers, and what has no truth: against the reference), on the stored elements; of a parameter
    /// that Adam moved, on those whose gradient is not within rounding of zero.
    pub metrics: Option<Metrics>,
    /// Reference at this precision against truth, on the stored elements.
    pub reference: Option<Metrics>,
    /// Error norm of the candidate over the yardstick, which is the reference's largest in several runs; `None` where that is
    /// zero or unknown.
    pub ratio: Option<f64>,
    /// The metrics held against their limits; empty where the bits or something else decided.
    pub checks: Vec<Check>,
    /// The type whose eps the floors are in; `None` where no floor was needed.
    pub resolution: Option<Dtype>,
    /// The larger entry whose yardstick this one borrowed, having too few elements for its own.
    pub borrowed_from: Option<String>,
    /// The first element that is not the recording's, in a series of several steps that was recorded in full.
    pub first_difference: Option<usize>,
    /// Why it fails, or is not judged.
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

    /// Turns what the figures say into an outcome, given what was expected.
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

    /// Whether the entry may stand.
    pub fn passes(&self) -> bool {
        self.outcome.passes()
    }

    /// Whether the entry is wrong.
    pub fn fails(&self) -> bool {
        self.outcome.fails()
    }

    /// The largest part of a limit that is used up; `None` where nothing was held against one.
    pub fn share(&self) -> Option<f64> {
        self.checks.iter().map(Check::share).reduce(f64::max)
    }
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct SetJudgement {
    /// Name of the golden set.
    pub set: String,
    /// The precision judged.
    pub precision: Precision,
    /// What was expected.
    pub expectation: Expectation,
    /// Every entry recorded at this precision, in execution order.
    pub entries: Vec<EntryJudgement>,
    /// What the golden set does not have, in the order observed.
    pub unexpected: Vec<EntryJudgement>,
}

impl SetJudgement {
    /// Whether no entry is wrong and nothing was unexpected. Where no entry passes, nothing is proved, and that is no pass.
    pub fn passes(&self) -> bool {
        let proved = self.entries.iter().any(EntryJudgement::passes);
        proved && self.unexpected.is_empty() && !self.entries.iter().any(EntryJudgement::fails)
    }

    /// The first entry in execution order that fails.
    pub fn first_divergence(&self) -> Option<&EntryJudgement> {
        self.entries.iter().find(|entry| entry.fails())
    }

    /// The first that fails though it was observed: where to look when a candidate recorded only some of the entries.
    pub fn first_wrong(&self) -> Option<&EntryJudgement> {
        self.entries.iter().find(|entry| entry.fails() && entry.outcome != Outcome::Missing)
    }

    /// The last entry that passes before the first divergence, or of all where there is none.
    pub fn last_agreeing(&self) -> Option<&EntryJudgement> {
        self.entries.iter().take_while(|entry| !entry.fails()).filter(|entry| entry.passes()).last()
    }

    /// The entry with the largest ratio to its yardstick.
    pub fn worst(&self) -> Option<&EntryJudgement> {
        worst(&self.entries)
    }

    /// How many entries have this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.entries.iter().filter(|entry| entry.outcome == outcome).count()
    }

    /// How many entries have the reference's bits.
    pub fn identical(&self) -> usize {
        self.entries.iter().filter(|entry| entry.identical).count()
    }
}

/// The entry with the largest ratio to its yardstick, a NaN being the largest of all; the first of several equal ones.
pub fn worst<'a>(entries: impl IntoIterator<Item = &'a EntryJudgement>) -> Option<&'a EntryJudgement> {
    let rank = |entry: &EntryJudgement| entry.ratio.map(|ratio| if ratio.is_nan() { f64::INFINITY } else { ratio });
    let known = entries.into_iter().filter(|entry| entry.ratio.is_some());
    known.reduce(|worst, entry| if rank(entry) > rank(worst) { entry } else { worst })
}
