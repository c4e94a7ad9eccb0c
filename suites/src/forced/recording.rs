//! What was recorded: the stored elements of each entry.

use std::borrow::Cow;
use std::collections::HashMap;

use dinov3_golden::{Dtype, GoldenSet, Precision, Stage, TensorView};

use crate::{OtherNames, SuiteError};

/// The stored part of a tensor that is in no file.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Element type.
    pub dtype: Dtype,
    /// Shape of the whole tensor.
    pub shape: Vec<usize>,
    /// Every how many-th element is stored.
    pub stride: usize,
    /// Little-endian stored elements.
    pub bytes: Vec<u8>,
}

/// The stored part of a recorded tensor.
#[derive(Debug)]
pub struct Stored<'a> {
    pub(super) stage: Stage,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) stride: usize,
    bytes: Cow<'a, [u8]>,
    extent: [usize; 1],
}

impl Stored<'_> {
    /// All stored elements, one after another.
    pub(super) fn view(&self) -> TensorView<'_> {
        TensorView::new(self.dtype, &self.extent, &self.bytes).expect("as many bytes as elements")
    }

    /// The elements in float64.
    pub(super) fn values(&self) -> Vec<f64> {
        self.view().values()
    }

    /// Whether every element is stored.
    pub(super) fn is_whole(&self) -> bool {
        self.stride == 1
    }
}

/// A recording at one precision: a set, and tensors that take the place of its own.
#[derive(Debug)]
pub struct Recording<'a> {
    set: &'a GoldenSet,
    precision: Precision,
    entries: HashMap<Cow<'a, str>, usize>,
    kept: HashMap<String, Kept>,
}

impl<'a> Recording<'a> {
    /// What `set` recorded at `precision`.
    ///
    /// # Errors
    /// When the set has no such precision.
    pub fn of(set: &'a GoldenSet, precision: Precision) -> Result<Self, SuiteError> {
        set.file(precision)?;
        let entries = &set.manifest().entries;
        let index = entries.iter().enumerate().filter(|(_, entry)| entry.records.get(precision).is_some());
        let entries = index.map(|(i, entry)| (Cow::Borrowed(entry.name.as_str()), i)).collect();
        Ok(Self { set, precision, entries, kept: HashMap::new() })
    }

    /// What a candidate recorded whose tensors may have other names.
    ///
    /// # Errors
    /// As [`Recording::of`].
    pub fn called(set: &'a GoldenSet, precision: Precision, names: &OtherNames) -> Result<Self, SuiteError> {
        let recording = Self::of(set, precision)?;
        let ours = |(name, index): (Cow<'a, str>, usize)| Some((Cow::Owned(names.ours(&name)?), index));
        let entries = recording.entries.into_iter().filter_map(ours).collect();
        Ok(Self { set, precision, entries, kept: HashMap::new() })
    }

    /// The same without the entries that `other` lacks: what is computed from them reaches back as far as it does there.
    pub(super) fn reaching_as_far_as(mut self, other: &Recording<'_>) -> Self {
        self.entries.retain(|name, _| other.entries.contains_key::<str>(name));
        self
    }

    /// The same with tensors that differ from the set's.
    pub fn with(self, kept: HashMap<String, Kept>) -> Self {
        Self { kept, ..self }
    }

    /// The precision.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The names of the recorded entries.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(|name| name.as_ref())
    }

    /// The stored part of an entry; `None` for one that was not recorded, or of which only figures are stored.
    ///
    /// # Errors
    /// When the set's file is damaged.
    pub(super) fn stored(&self, name: &str) -> Result<Option<Stored<'_>>, SuiteError> {
        let Some(&index) = self.entries.get(name) else { return Ok(None) };
        let entry = &self.set.manifest().entries[index];
        let stage = entry.stage;
        if let Some(Kept { dtype, shape, stride, bytes }) = self.kept.get(name) {
            let extent = [bytes.len() / dtype.size()];
            let (dtype, shape, stride) = (*dtype, shape.clone(), *stride);
            return Ok(Some(Stored { stage, dtype, shape, stride, bytes: Cow::Borrowed(bytes), extent }));
        }
        let recorded = self.set.recorded(entry, self.precision)?;
        let Some(view) = recorded.stored else { return Ok(None) };
        Ok(Some(Stored {
            stage,
            dtype: recorded.record.dtype,
            shape: recorded.record.shape.clone(),
            stride: recorded.stride(),
            bytes: Cow::Borrowed(view.bytes()),
            extent: [view.numel()],
        }))
    }
}
