//! A candidate's value, from a tensor or from a record.

use crate::digest::Stats;
use crate::manifest::Storage;
use crate::names::Dtype;
use crate::sample::{sample, stride};
use crate::set::Recorded;
use crate::tensor::TensorView;

use super::JudgeError;

/// A candidate's value, brought to the storage of the golden record.
pub(super) struct Candidate<'c> {
    pub(super) dtype: Dtype,
    pub(super) shape: &'c [usize],
    pub(super) sha256: &'c str,
    /// A function, because most values need no statistics: they are identical, or stored in full.
    pub(super) stats: &'c dyn Fn() -> Stats,
    /// The elements that the golden record stores; `None` if the record stores no elements.
    pub(super) stored: Option<TensorView<'c>>,
}

/// The coarsest dtype that holds the values of both tensors; see [`crate::tolerance`].
pub(super) fn resolution(golden: Recorded<'_>, candidate: &Candidate<'_>) -> Dtype {
    match (golden.stored, candidate.stored) {
        (Some(ours), Some(theirs)) if ours.resolution() == theirs.resolution() => ours.resolution(),
        _ => candidate.dtype,
    }
}

/// The part of a candidate's record that corresponds to the stored part of the golden record. Both records have the
/// same shape and dtype. `sampled` holds the elements if they had to be sampled from a full tensor.
pub(super) fn matching_part<'b>(
    ours: Recorded<'b>,
    theirs: Recorded<'b>,
    sampled: &'b mut Vec<u8>,
) -> Result<Option<TensorView<'b>>, JudgeError> {
    let Some(golden) = ours.stored else { return Ok(None) };
    let entry = || ours.entry.name.to_string();
    let Some(stored) = theirs.stored else { return Err(JudgeError::NothingStored { entry: entry() }) };
    let mismatch =
        || JudgeError::SampleLimit { entry: entry(), golden: ours.sample_limit, candidate: theirs.sample_limit };
    match (ours.record.storage, theirs.record.storage) {
        (Storage::Sample, Storage::Full) => {
            *sampled = sample(stored, ours.sample_limit.ok_or_else(mismatch)?);
            TensorView::new(stored.dtype(), golden.shape(), sampled).map(Some).map_err(|_| mismatch())
        }
        (Storage::Full, Storage::Full) => Ok(Some(stored)),
        (Storage::Sample, Storage::Sample) => {
            let numel = ours.record.numel().unwrap_or(usize::MAX);
            let step = |limit: Option<usize>| limit.map_or(1, |limit| stride(numel, limit));
            let same_elements = step(ours.sample_limit) == step(theirs.sample_limit);
            same_elements.then_some(Some(stored)).ok_or_else(mismatch)
        }
        _ => Err(mismatch()),
    }
}
