//! safetensors.

use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::Metadata;

use crate::dtype::Dtype;
use crate::error::FileError;
use crate::file::{Place, Source};
use crate::stored::{At, Stored, View, count, row_major};
use crate::tree::{Entry, Key, Leaf};

/// Bytes that say how long the header is.
const LENGTH: u64 = 8;

/// The header's `__metadata__`, sorted by name.
pub(crate) type Remarks = Vec<(String, String)>;

/// The entries of a file, in the order of their bytes, and what its header says beside them.
pub(crate) fn open(source: &Arc<Source>) -> Result<(Vec<Entry>, Remarks), FileError> {
    let path: &Path = &source.path;
    let whole = || FileError::invalid(path, "it is not a whole safetensors file");
    let mut length = [0; LENGTH as usize];
    if source.length < LENGTH {
        return Err(whole());
    }
    source.read_at(0, &mut length)?;
    let length = u64::from_le_bytes(length);
    let begin = length.checked_add(LENGTH).filter(|begin| *begin <= source.length).ok_or_else(whole)?;
    let mut header = vec![0; length as usize];
    source.read_at(LENGTH, &mut header)?;
    let header: Metadata = serde_json::from_slice(&header).map_err(|_| whole())?;
    let mut entries = Vec::new();
    for name in header.offset_keys() {
        let info = header.info(&name).ok_or_else(whole)?;
        let shape: Vec<u64> = info.shape.iter().map(|size| *size as u64).collect();
        let dtype = Dtype::of_safetensors(info.dtype).ok_or_else(|| {
            FileError::invalid(path, format!("`{name}` is of the dtype {:?}, which is not supported", info.dtype))
        })?;
        let (from, to) = (info.data_offsets.0 as u64, info.data_offsets.1 as u64);
        let bytes = count(&shape).and_then(|count| count.checked_mul(dtype.bytes() as u64));
        let start = begin.checked_add(from).filter(|_| bytes == to.checked_sub(from)).ok_or_else(whole)?;
        let length = to - from;
        if start.checked_add(length).is_none_or(|end| end > source.length) {
            return Err(whole());
        }
        let view = View {
            source: Arc::clone(source),
            // The format has no checksums.
            place: Place { start, length, crc32: None },
            offset: 0,
            strides: row_major(&shape),
        };
        let leaf = Leaf::Tensor(Stored::whole(dtype, shape, At::View(view)));
        entries.push(Entry { path: vec![Key::Text(name)], leaf });
    }
    let mut said: Remarks = header.metadata().clone().unwrap_or_default().into_iter().collect();
    said.sort();
    Ok((entries, said))
}
