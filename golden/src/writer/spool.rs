//! A temporary file for the tensors of one safetensors file: the header comes first in the file and is known last.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use memmap2::Mmap;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::names::Dtype;

/// An unnamed file that holds the tensors one after another; dropping the value deletes it.
#[derive(Debug)]
pub(super) struct Spool {
    file: BufWriter<File>,
    end: usize,
    tensors: HashMap<String, Stored>,
    /// Keys of the stored tensors, by dtype, shape and hash.
    keys: HashMap<(String, Dtype, Vec<usize>), String>,
}

#[derive(Debug)]
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    start: usize,
    len: usize,
}

impl Spool {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let file = BufWriter::new(tempfile::tempfile_in(folder)?);
        Ok(Self { file, end: 0, tensors: HashMap::new(), keys: HashMap::new() })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Stores a tensor under `name`; `false` if the name is taken.
    pub(super) fn store(&mut self, name: &str, dtype: Dtype, shape: &[usize], bytes: &[u8]) -> io::Result<bool> {
        if self.tensors.contains_key(name) {
            return Ok(false);
        }
        self.file.write_all(bytes)?;
        let stored = Stored { dtype, shape: shape.to_vec(), start: self.end, len: bytes.len() };
        self.end += bytes.len();
        self.tensors.insert(name.to_owned(), stored);
        Ok(true)
    }

    /// Stores a tensor unless the same dtype, shape and bytes (by their hash) are stored already; returns the key of
    /// the stored tensor.
    pub(super) fn store_once(
        &mut self,
        name: &str,
        dtype: Dtype,
        shape: &[usize],
        bytes: &[u8],
        hash: String,
    ) -> io::Result<String> {
        let content = (hash, dtype, shape.to_vec());
        if let Some(key) = self.keys.get(&content) {
            return Ok(key.clone());
        }
        self.store(name, dtype, shape, bytes)?;
        self.keys.insert(content, name.to_owned());
        Ok(name.to_owned())
    }

    /// Writes the safetensors file `path`: by descending alignment, then by name, as the format's own library does.
    pub(super) fn write_safetensors(&mut self, path: &Path) -> io::Result<()> {
        self.file.flush()?;
        // SAFETY: the file has no name, this spool alone has it open, and it is not written to until the map is
        // dropped.
        let spooled = unsafe { Mmap::map(self.file.get_ref()) }?;
        let mut tensors: Vec<_> = self.tensors.iter().collect();
        tensors.sort_by(|(a_name, a), (b_name, b)| {
            b.dtype.safetensors().cmp(&a.dtype.safetensors()).then_with(|| a_name.cmp(b_name))
        });
        let mut end = 0;
        let header = tensors.iter().map(|(name, stored)| {
            let data_offsets = (end, end + stored.len);
            end = data_offsets.1;
            (
                (*name).clone(),
                TensorInfo { dtype: stored.dtype.safetensors(), shape: stored.shape.clone(), data_offsets },
            )
        });
        let metadata = Metadata::new(None, header.collect()).map_err(io::Error::other)?;
        let mut header = serde_json::to_vec(&metadata)?;
        header.resize(header.len().next_multiple_of(8), b' ');

        let mut file = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        for (_, stored) in &tensors {
            file.write_all(&spooled[stored.start..stored.start + stored.len])?;
        }
        file.flush()
    }
}
