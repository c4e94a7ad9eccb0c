//! Values without a yardstick: numbers from the reference's own Python, and runs of several steps.

use crate::manifest::{Entry, Storage};
use crate::names::{Dtype, Kind, Precision, Stage};
use crate::set::Recorded;

use super::candidate::Candidate;
use super::reason::Reason;
use super::rule::Verdict;
use super::{EntryJudgement, Expectation, Judge, Outcome};

impl Judge<'_> {
    /// Whether the reference's own Python computes the value, in float64 at every precision.
    pub(super) fn is_computed(&self, golden: Recorded<'_>) -> bool {
        self.precision != Precision::Truth
            && golden.record.dtype == Dtype::F64
            && golden.entry.stage != Stage::Trajectory
    }

    /// The verdict on other bits in a run of several steps.
    pub(super) fn free_run(&self, golden: Recorded<'_>, candidate: &Candidate<'_>) -> Verdict {
        let (theirs, ours) = ((candidate.stats)().non_finite, golden.record.stats.non_finite);
        if theirs != ours {
            return Verdict::NonFinite { reason: Reason::NonFiniteInAFreeRun { found: theirs, expected: ours } };
        }
        if self.expectation == Expectation::Identical {
            // `EntryJudgement::conclude` turns this into a failure, because the same bits were expected.
            return Verdict::Within { checks: Vec::new() };
        }
        match golden.entry.name.path_of(Kind::Metric) {
            Some(name) if !self.has_another_trajectory(name) => {
                Verdict::Beyond { checks: Vec::new(), reason: Reason::Meter }
            }
            Some(name) => {
                Verdict::Unknown { reason: Reason::OtherSeries { trajectory: Kind::Trajectory.name(name).to_string() } }
            }
            None => Verdict::Unknown { reason: Reason::FreeRun },
        }
    }

    /// Whether the entry is one of those that a step records for forced replay alone: without a truth.
    pub(super) fn is_without_truth(&self, golden: Recorded<'_>) -> bool {
        let activation = matches!(golden.entry.name.kind(), Kind::Output | Kind::Gradout);
        activation
            && self.golden.manifest().keeps_in_full(golden.entry.stage)
            && golden.entry.records.get(Precision::Truth).is_none()
    }

    /// The verdict on other bits in such an entry.
    pub(super) fn without_truth(&self) -> Verdict {
        match self.expectation {
            // `EntryJudgement::conclude` turns this into a failure, because the same bits were expected.
            Expectation::Identical => Verdict::Within { checks: Vec::new() },
            Expectation::Yardstick { .. } => Verdict::Unknown { reason: Reason::NoTruth },
        }
    }

    /// Whether the input values of the meter `name` were observed and differ from the reference's.
    fn has_another_trajectory(&self, name: &str) -> bool {
        let trajectory = self.index.get(Kind::Trajectory.name(name).as_str());
        trajectory.and_then(|&index| self.judged[index].as_ref()).is_some_and(|judgement| !judgement.identical)
    }
}

/// The judgement on an entry that the candidate did not show: missing, unless the entry cannot be judged anyway.
pub(super) fn never_observed(index: usize, entry: &Entry, expectation: &Expectation) -> EntryJudgement {
    let free_run = entry.stage == Stage::Trajectory && entry.name.kind() != Kind::Metric;
    let (outcome, reason) = match expectation {
        Expectation::Yardstick { .. } if free_run => (Outcome::NotJudged, Reason::FreeRun),
        _ => (Outcome::Missing, Reason::NeverObserved),
    };
    EntryJudgement {
        index: Some(index),
        reason: Some(reason),
        ..EntryJudgement::new(entry.name.as_str(), Some(entry.stage), outcome)
    }
}

/// The index of the first stored element with different bits; `None` if only a part is stored, or all elements are the
/// same.
pub(super) fn first_difference(golden: Recorded<'_>, candidate: &Candidate<'_>) -> Option<usize> {
    let (ours, theirs) = golden.stored.zip(candidate.stored)?;
    if golden.record.storage != Storage::Full {
        return None;
    }
    let size = golden.record.dtype.size();
    let mut pairs = ours.bytes().chunks_exact(size).zip(theirs.bytes().chunks_exact(size));
    pairs.position(|(ours, theirs)| ours != theirs)
}
