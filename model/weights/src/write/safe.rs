//! safetensors.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use dinov3_ground::atomic::write_file;
use safetensors::tensor::{Metadata, TensorInfo};
use serde_json::Value;

use super::{Item, What};
use crate::stored::count;
use crate::tree::joined;

/// The header's length is a multiple of this, so that tensors begin at one.
const ALIGNMENT: usize = 8;

/// Writes the tensors among `items` under their keys with points between them, and the texts and numbers among them as the header's metadata,
/// whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn write_safetensors(path: &Path, items: &[Item]) -> io::Result<()> {
    let (mut tensors, mut said) = (Vec::new(), HashMap::new());
    for item in items {
        match &item.what {
            What::Tensor { dtype, shape, bytes } => tensors.push((joined(&item.path), *dtype, shape, bytes)),
            What::Value(value) => drop(said.insert(joined(&item.path), value.to_string())),
        }
    }
    // The format wants the widest dtypes first.
    tensors.sort_by(|(one, a, ..), (other, b, ..)| b.bytes().cmp(&a.bytes()).then_with(|| one.cmp(other)));
    let mut infos = Vec::with_capacity(tensors.len());
    let mut end = 0;
    for (name, dtype, shape, _) in &tensors {
        let begin = end;
        end += count(shape).expect("a tensor that is there") as usize * dtype.bytes();
        let shape = shape.iter().map(|size| *size as usize).collect();
        infos.push((name.clone(), TensorInfo { dtype: dtype.in_safetensors(), shape, data_offsets: (begin, end) }));
    }
    let header = Metadata::new((!said.is_empty()).then_some(said), infos).map_err(io::Error::other)?;
    // A hash map's order is another one in each process, and the same checkpoint is the same file.
    let mut header = serde_json::to_value(&header)?;
    if let Some(said) = header.get_mut("__metadata__").and_then(Value::as_object_mut) {
        said.sort_keys();
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    write_file(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        tensors.iter().try_for_each(|(.., bytes)| bytes(out))
    })
}
