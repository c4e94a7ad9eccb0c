//! One safetensors file, mapped into memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use safetensors::{SafeTensorError, SafeTensors};

use crate::names::Dtype;
use crate::set::SetError;
use crate::tensor::TensorView;

/// A safetensors file whose header has been read and whose data is mapped: pages come in when a tensor is looked at.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    map: Mmap,
    tensors: BTreeMap<String, Place>,
}

#[derive(Debug)]
struct Place {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Range<usize>,
}

impl TensorFile {
    /// Maps the file at `path` and reads its header.
    ///
    /// # Errors
    /// [`SetError::MissingFile`], [`SetError::Truncated`], [`SetError::NotSafetensors`] or [`SetError::Io`].
    pub fn open(path: &Path) -> Result<Self, SetError> {
        let io = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => SetError::MissingFile { path: path.to_owned() },
            _ => SetError::Io { path: path.to_owned(), source },
        };
        let file = File::open(path).map_err(io)?;
        // SAFETY: the map is read-only, and nothing in this crate writes to a file in place: sets are written to a
        // temporary folder and renamed, which leaves the mapped file as it was. Someone else who truncates it meanwhile
        // gets this process killed by the operating system, which is the price of not reading it whole.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        let tensors = places(path, &map)?;
        Ok(Self { path: path.to_owned(), map, tensors })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of the tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// A tensor by name.
    pub fn get(&self, name: &str) -> Option<TensorView<'_>> {
        let place = self.tensors.get(name)?;
        TensorView::new(place.dtype, &place.shape, &self.map[place.bytes.clone()]).ok()
    }
}

/// The place of each tensor, checked against the length of the file.
fn places(path: &Path, bytes: &[u8]) -> Result<BTreeMap<String, Place>, SetError> {
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|source| malformed(path, bytes, source))?;
    let start = size_of::<u64>() + header;
    let mut places = BTreeMap::new();
    for (name, info) in metadata.tensors() {
        let dtype = Dtype::from_safetensors(info.dtype).ok_or_else(|| SetError::NotSafetensors {
            path: path.to_owned(),
            problem: format!("tensor `{name}` has dtype {:?}, which the format does not use", info.dtype),
        })?;
        let (from, to) = info.data_offsets;
        places.insert(name, Place { dtype, shape: info.shape.clone(), bytes: start + from..start + to });
    }
    Ok(places)
}

/// A file that ends before its header says is truncated; any other file is not safetensors.
fn malformed(path: &Path, bytes: &[u8], source: SafeTensorError) -> SetError {
    let path = path.to_owned();
    let announced = bytes.first_chunk().map(|length| u64::from_le_bytes(*length));
    let short = match announced {
        None => true,
        Some(header) => header.saturating_add(8) > bytes.len() as u64,
    };
    match source {
        SafeTensorError::HeaderTooSmall | SafeTensorError::InvalidHeaderLength | SafeTensorError::HeaderTooLarge
            if short =>
        {
            SetError::Truncated { path, bytes: bytes.len() as u64 }
        }
        SafeTensorError::MetadataIncompleteBuffer if data_missing(bytes) => {
            SetError::Truncated { path, bytes: bytes.len() as u64 }
        }
        other => SetError::NotSafetensors { path, problem: other.to_string() },
    }
}

/// Whether the data section is shorter (rather than longer) than the header says.
fn data_missing(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk() else { return true };
    let header = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let Some((header, data)) = rest.split_at_checked(header) else { return true };
    serde_json::from_slice::<safetensors::tensor::Metadata>(header).is_ok_and(|it| it.data_len() > data.len())
}
