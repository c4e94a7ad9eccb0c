//! The judge: applies the rule of [`crate::tolerance`] to a candidate.

use std::collections::HashMap;

use crate::digest::{sha256_hex, stats};
use crate::fingerprint::{Difference, Fingerprint};
use crate::manifest::Storage;
use crate::metrics::{CompareError, Metrics, compare};
use crate::names::{Dtype, Precision, Stage};
use crate::sample::sample;
use crate::set::{GoldenSet, Recorded, SetError};
use crate::tensor::TensorView;
use crate::tolerance::Metric;

mod adam;
mod candidate;
mod kinds;
mod lenders;
mod reason;
mod result;
mod rule;
mod rules;
mod statistics;

pub use reason::Reason;
pub use result::{Check, EntryJudgement, Outcome, SetJudgement, worst};
pub use rules::{NameRules, RareError};

use adam::Decided;
use candidate::{Candidate, matching_part, resolution};
use dinov3_ground::{Hint, Hints};
use kinds::{first_difference, never_observed};
use rule::{Borrowed, Yardstick};

/// The requirement on a candidate's bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// The fingerprints match: the candidate must have the same bits.
    Identical,
    /// The fingerprints differ: the candidate's errors must be within the yardstick.
    Yardstick {
        /// The reasons why the same bits cannot be expected.
        differences: Vec<Difference>,
    },
}

impl Expectation {
    /// The expectation for a run under `here` of a value recorded under `recorded`.
    pub fn of(recorded: &Fingerprint, here: &Fingerprint) -> Self {
        let differences = recorded.differences(here);
        if differences.is_empty() { Self::Identical } else { Self::Yardstick { differences } }
    }
}

/// A reason why a candidate cannot be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JudgeError {
    /// The golden set or the candidate set has an error.
    #[error(transparent)]
    Set(#[from] SetError),
    /// The golden set's own records of an entry do not fit together.
    #[error("the records of `{entry}` in the golden set do not fit together: {source}")]
    Golden {
        /// The entry.
        entry: String,
        /// The reason.
        source: CompareError,
    },
    /// The candidate set stores other elements of a large tensor.
    #[error(
        "`{entry}` cannot be compared: the golden set was recorded with sample limit {}, the candidate with {}",
        limit(*golden), limit(*candidate)
    )]
    SampleLimit {
        /// The entry.
        entry: String,
        /// Limit of the golden set.
        golden: Option<usize>,
        /// Limit of the candidate.
        candidate: Option<usize>,
    },
    /// The candidate set stores no elements of a tensor that must be compared.
    #[error("`{entry}` cannot be compared: the candidate recorded its statistics alone")]
    NothingStored {
        /// The entry.
        entry: String,
    },
    /// The table of tolerances has no row for a stage.
    #[error("there is no tolerance for the {metric} of stage `{stage}` (entry `{entry}`)")]
    NoTolerance {
        /// The entry.
        entry: String,
        /// Its stage.
        stage: Stage,
        /// The metric without a tolerance.
        metric: Metric,
    },
    /// The caller asked to judge the truth by a yardstick.
    #[error("the truth has no rounding error to serve as a yardstick")]
    TruthHasNoYardstick,
}

fn limit(limit: Option<usize>) -> String {
    limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string())
}

impl Hint for JudgeError {
    fn hints(&self) -> Hints {
        let hint: &'static str = match self {
            Self::Set(error) => return error.hints(),
            Self::Golden { .. } => "record the golden set again",
            Self::SampleLimit { .. } => "record the candidate again with the golden set's sample limit, or with none",
            Self::NothingStored { .. } => "record the candidate again with this version's exporter",
            Self::NoTolerance { .. } => "use a version of this program that judges the stage",
            Self::TruthHasNoYardstick => "judge at fp32 or bf16, or where the fingerprints match",
        };
        hint.into()
    }
}

/// Judges one candidate at one precision against a golden set, one entry at a time, in the order of the caller. Keeps
/// figures but no tensors.
///
/// A tensor with the recording's bits passes; a tensor with wrong numbers fails:
///
/// ```
/// use dinov3_golden::{Circumstance, Difference, Expectation, GoldenSet, Judge, NameRules, Outcome, Precision, TensorView};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let golden = GoldenSet::open("sets/micro".as_ref())?;
/// let [recorded, here] = ["cpu", "npu"].map(|device| Some(device.to_owned()));
/// let difference = Difference { field: Circumstance::Device, recorded, here };
/// let elsewhere = Expectation::Yardstick { differences: vec![difference] };
/// let mut judge = Judge::new(&golden, Precision::Fp32, elsewhere, NameRules::NONE)?;
///
/// let recorded = |name| {
///     let (_, entry) = golden.manifest().entry(name).expect("the set has it");
///     golden.recorded(entry, Precision::Fp32)
/// };
/// let right = recorded("teacher.backbone.patch_embed.proj")?.stored.expect("stored in full");
/// assert_eq!(judge.observe("teacher.backbone.patch_embed.proj", right)?.outcome, Outcome::Identical);
///
/// let norm = recorded("teacher.backbone.blocks.0.norm1")?.stored.expect("stored in full");
/// let zeros = vec![0; norm.bytes().len()];
/// let wrong = TensorView::new(norm.dtype(), norm.shape(), &zeros)?;
/// assert_eq!(judge.observe("teacher.backbone.blocks.0.norm1", wrong)?.outcome, Outcome::Beyond);
///
/// let judgement = judge.finish();
/// assert_eq!(judgement.first_wrong().map(|entry| entry.name.as_str()), Some("teacher.backbone.blocks.0.norm1"));
/// assert!(judgement.count(Outcome::Missing) > 300, "nothing else was shown");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Judge<'a> {
    golden: &'a GoldenSet,
    precision: Precision,
    expectation: Expectation,
    rules: NameRules,
    index: HashMap<&'a str, usize>,
    judged: Vec<Option<EntryJudgement>>,
    unexpected: Vec<EntryJudgement>,
    /// Error of the reference at each entry, cached at its first use.
    reference: HashMap<usize, Option<Metrics>>,
    /// The largest error at a place of any block, cached at its first use.
    peers: HashMap<String, Option<Borrowed>>,
    /// The elements where Adam's steps can be judged, by the entry of the first moment, cached at their first use.
    decided: HashMap<usize, Option<Decided>>,
}

impl<'a> Judge<'a> {
    /// A judge without observations. `rules` give the meaning of the names of the model's tensors.
    ///
    /// # Errors
    /// If the golden set has no such precision, or the truth is to be judged by a yardstick.
    pub fn new(
        golden: &'a GoldenSet,
        precision: Precision,
        expectation: Expectation,
        rules: NameRules,
    ) -> Result<Self, JudgeError> {
        golden.file(precision)?;
        if precision == Precision::Truth && expectation != Expectation::Identical {
            return Err(JudgeError::TruthHasNoYardstick);
        }
        let entries = &golden.manifest().entries;
        let expected = entries.iter().enumerate().filter(|(_, entry)| entry.records.get(precision).is_some());
        let index = expected.map(|(index, entry)| (entry.name.as_str(), index)).collect();
        let judged = vec![None; entries.len()];
        Ok(Self {
            golden,
            precision,
            expectation,
            rules,
            index,
            judged,
            unexpected: Vec::new(),
            reference: HashMap::new(),
            peers: HashMap::new(),
            decided: HashMap::new(),
        })
    }

    /// Judges a whole tensor.
    ///
    /// # Errors
    /// If the golden set cannot be read or has no rule for the entry. A defect of the candidate is not an error; it
    /// becomes the outcome of the judgement.
    pub fn observe(&mut self, name: &str, view: TensorView<'_>) -> Result<&EntryJudgement, JudgeError> {
        let Some(recorded) = self.expected(name)? else { return Ok(self.refuse(name)) };
        let same_kind = view.dtype() == recorded.record.dtype && view.shape() == recorded.record.shape;
        let sample_shape = recorded.stored.map_or(&[][..], |stored| stored.shape());
        let sampled = match (recorded.record.storage, recorded.sample_limit) {
            (Storage::Sample, Some(limit)) if same_kind => Some(sample(view, limit)),
            _ => None,
        };
        let stored = match (&sampled, recorded.record.storage) {
            (Some(bytes), _) => TensorView::new(view.dtype(), sample_shape, bytes).ok(),
            (None, Storage::Full) => Some(view),
            (None, _) => None,
        };
        let sha256 = sha256_hex(view.bytes());
        let stats = || stats(view);
        let candidate = Candidate { dtype: view.dtype(), shape: view.shape(), sha256: &sha256, stats: &stats, stored };
        self.judge(recorded, &candidate)
    }

    /// Judges the record of another set. [`fn@crate::verify`] checks that set's own consistency.
    ///
    /// # Errors
    /// As [`Judge::observe`]; and if the two sets store different elements of the tensor.
    pub fn observe_recorded(&mut self, name: &str, theirs: Recorded<'_>) -> Result<&EntryJudgement, JudgeError> {
        let Some(ours) = self.expected(name)? else { return Ok(self.refuse(name)) };
        let same_kind = theirs.record.dtype == ours.record.dtype && theirs.record.shape == ours.record.shape;
        let mut sampled = Vec::new();
        let stored = if same_kind { matching_part(ours, theirs, &mut sampled)? } else { None };
        let candidate = Candidate {
            dtype: theirs.record.dtype,
            shape: &theirs.record.shape,
            sha256: &theirs.record.sha256,
            stats: &|| theirs.record.stats,
            stored,
        };
        self.judge(ours, &candidate)
    }

    /// Ends the judgement: entries that were not observed are missing.
    pub fn finish(self) -> SetJudgement {
        let Self { golden, precision, expectation, index, mut judged, unexpected, .. } = self;
        let mut expected: Vec<usize> = index.into_values().collect();
        expected.sort_unstable();
        let entries = expected
            .into_iter()
            .map(|index| {
                let entry = &golden.manifest().entries[index];
                judged[index].take().unwrap_or_else(|| never_observed(index, entry, &expectation))
            })
            .collect();
        SetJudgement { set: golden.manifest().name.clone(), precision, expectation, entries, unexpected }
    }

    /// The golden record for a name; `None` if the set has no such name, or the entry was judged already.
    fn expected(&self, name: &str) -> Result<Option<Recorded<'a>>, SetError> {
        match self.index.get(name) {
            Some(&index) if self.judged[index].is_none() => {
                self.golden.recorded(&self.golden.manifest().entries[index], self.precision).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn refuse(&mut self, name: &str) -> &EntryJudgement {
        let known = self.index.get(name).map(|&index| self.golden.manifest().entries[index].stage);
        let reason = match known {
            Some(_) => Reason::Twice,
            None => Reason::NoSuchEntry,
        };
        self.unexpected
            .push(EntryJudgement { reason: Some(reason), ..EntryJudgement::new(name, known, Outcome::Unexpected) });
        &self.unexpected[self.unexpected.len() - 1]
    }

    fn judge(&mut self, golden: Recorded<'a>, candidate: &Candidate<'_>) -> Result<&EntryJudgement, JudgeError> {
        let index = self.index[golden.entry.name.as_str()];
        let mut judgement =
            EntryJudgement::new(golden.entry.name.as_str(), Some(golden.entry.stage), Outcome::Identical);
        judgement.index = Some(index);
        if candidate.dtype != golden.record.dtype {
            let reason = Reason::Dtype { golden: golden.record.dtype, candidate: candidate.dtype };
            judgement.fail(Outcome::DtypeDiffers, reason);
        } else if candidate.shape != golden.record.shape {
            let reason = Reason::Shape { golden: golden.record.shape.clone(), candidate: candidate.shape.to_vec() };
            judgement.fail(Outcome::ShapeDiffers, reason);
        } else {
            self.judge_values(&mut judgement, index, golden, candidate)?;
        }
        Ok(self.judged[index].insert(judgement))
    }

    /// Judges the values, after dtype and shape agreed.
    fn judge_values(
        &mut self,
        judgement: &mut EntryJudgement,
        index: usize,
        golden: Recorded<'a>,
        candidate: &Candidate<'_>,
    ) -> Result<(), JudgeError> {
        judgement.reference = self.reference_error(index)?;
        if candidate.sha256 == golden.record.sha256 {
            judgement.identical = true;
            judgement.metrics = judgement.reference;
            if golden.entry.stage == Stage::Trajectory {
                judgement.metrics = golden.stored.map(|it| self.compared(index, it, it)).transpose()?;
            }
            let error = judgement.reference.filter(|it| it.reference_l2 > 0.0 && golden.record.dtype.is_float());
            let yardstick = self.borrowed(index)?.map_or(0.0, |it| it.rel_l2);
            judgement.ratio = error.filter(|_| yardstick > 0.0).map(|error| error.rel_l2 / yardstick);
            return Ok(());
        }
        let against = if golden.record.dtype.is_float() { self.truth(index)? } else { Some(golden) };
        let computed = self.is_computed(golden);
        let in_a_row = golden.entry.stage == Stage::Trajectory;
        let against = if computed || in_a_row { Some(golden) } else { against };
        if in_a_row {
            judgement.first_difference = first_difference(golden, candidate);
        }
        judgement.metrics = match (candidate.stored, against.and_then(|it| it.stored)) {
            (Some(ours), Some(reference)) => Some(self.measured(index, ours, reference)?),
            _ => None,
        };
        let verdict = if in_a_row {
            Ok(self.free_run(golden, candidate))
        } else if !golden.record.dtype.is_float() {
            Ok(rule::whole_numbers(judgement.metrics.as_ref()))
        } else if computed {
            rule::computed(golden, judgement.metrics.as_ref(), &(candidate.stats)())
        } else if golden.entry.stage == Stage::Init && matches!(golden.record.dtype, Dtype::Bf16 | Dtype::F16) {
            // No weight is drawn in a narrow dtype.
            Ok(rule::Verdict::Beyond { checks: Vec::new(), reason: Reason::Buffer })
        } else if matches!(golden.entry.stage, Stage::Init | Stage::Data) {
            rule::seeded(golden, &(candidate.stats)())
        } else if self.precision == Precision::Truth {
            // `Judge::new` accepts the truth only if the same bits are expected, so `conclude` makes other bits a
            // failure.
            Ok(rule::Verdict::Within { checks: Vec::new() })
        } else if self.is_without_truth(golden) {
            Ok(self.without_truth())
        } else {
            let borrowed = self.borrowed(index)?;
            judgement.borrowed_from =
                borrowed.as_ref().map(|it| it.from.clone()).filter(|from| golden.entry.name != from.as_str());
            let resolution = resolution(golden, candidate);
            judgement.resolution = Some(resolution);
            let (truth, reference, in_part) = (against, judgement.reference, self.decided(index)?.is_some());
            let beside = self.beside(golden)?;
            let yardstick = Yardstick { golden, truth, reference, borrowed, resolution, in_part, beside };
            judgement.ratio = judgement.metrics.as_ref().and_then(|it| yardstick.ratio(it));
            rule::rounding(&yardstick, judgement.metrics.as_ref(), candidate.stats)
        };
        let verdict = verdict.map_err(|metric| JudgeError::NoTolerance {
            entry: golden.entry.name.to_string(),
            stage: golden.entry.stage,
            metric,
        })?;
        judgement.conclude(verdict, &self.expectation);
        Ok(())
    }

    /// The truth's record of an entry; `None` if the truth was not recorded.
    fn truth(&self, index: usize) -> Result<Option<Recorded<'a>>, SetError> {
        let entry = &self.golden.manifest().entries[index];
        match entry.records.get(Precision::Truth) {
            Some(_) => self.golden.recorded(entry, Precision::Truth).map(Some),
            None => Ok(None),
        }
    }

    fn compared(&self, index: usize, a: TensorView<'_>, b: TensorView<'_>) -> Result<Metrics, JudgeError> {
        let entry = || self.golden.manifest().entries[index].name.to_string();
        compare(a, b).map_err(|source| JudgeError::Golden { entry: entry(), source })
    }
}

/// Judges all entries that `candidate` recorded at `precision`; see [`Judge`]. The caller must first check that the
/// recipes agree ([`crate::check_same_recipe`]).
///
/// # Errors
/// As [`Judge::new`] and [`Judge::observe_recorded`].
pub fn judge_set(
    golden: &GoldenSet,
    candidate: &GoldenSet,
    precision: Precision,
    expectation: Expectation,
    rules: NameRules,
) -> Result<SetJudgement, JudgeError> {
    candidate.file(precision)?;
    let mut judge = Judge::new(golden, precision, expectation, rules)?;
    for entry in &candidate.manifest().entries {
        if entry.records.get(precision).is_some() {
            judge.observe_recorded(entry.name.as_str(), candidate.recorded(entry, precision)?)?;
        }
    }
    Ok(judge.finish())
}

#[cfg(test)]
mod tests;
