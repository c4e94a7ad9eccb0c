//! Values that no yardstick measures: the reference's own Python, and runs of several steps.

use crate::manifest::{Entry, Storage};
use crate::names::{Dtype, Kind, Precision, Stage};
use crate::set::Recorded;

use super::candidate::Candidate;
use super::reason::Reason;
use super::rule::Verdict;
use super::{EntryJudgement, Expectation, Judge, Outcome};

impl Judge<'_> {
    /// Whether a value is the reference's own Python, which computes in float64 whatever the precision of the run.
    pub(super) fn is_computed(&self, golden: Recorded<'_>) -> bool {
        self.precision != Precision::Truth
            && golden.record.dtype == Dtype::F64
            && golden.entry.stage != Stage::Trajectory
    }

    /// What is to be said of other bits in a run of several steps.
    pub(super) fn free_run(&self, golden: Recorded<'_>, candidate: &Candidate<'_>) -> Verdict {
        let (theirs, ours) = ((candidate.stats)().non_finite, golden.record.stats.non_finite);
        if theirs != ours {
            return Verdict::NonFinite { reason: Reason::NonFiniteInAFreeRun { found: theirs, expected: ours } };
        }
        if self.expectation == Expectation::Identical {
            // `Judgement::conclude` knows what that means here.
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

    /// Whether the values that the meter `name` sums up have been observed and were others than the reference's.
    fn has_another_trajectory(&self, name: &str) -> bool {
        let trajectory = self.index.get(Kind::Trajectory.name(name).as_str());
        trajectory.and_then(|&index| self.judged[index].as_ref()).is_some_and(|judgement| !judgement.identical)
    }
}

/// An entry that the candidate did not show: wrong, unless nothing could have been said of it anyway.
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

/// The first stored element that is not the same bits on both sides; `None` where a part alone is stored, or all are the same.
pub(super) fn first_difference(golden: Recorded<'_>, candidate: &Candidate<'_>) -> Option<usize> {
    let (ours, theirs) = golden.stored.zip(candidate.stored)?;
    if golden.record.storage != Storage::Full {
        return None;
    }
    let size = golden.record.dtype.size();
    let mut pairs = ours.bytes().chunks_exact(size).zip(theirs.bytes().chunks_exact(size));
    pairs.position(|(ours, theirs)| ours != theirs)
}
