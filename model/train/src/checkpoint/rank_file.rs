//! The tensors that one rank writes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::tensor::Metadata;

use super::CheckpointError;
use super::manifest::{Described, RankFile, kind, sum};
use crate::state::{Data, InFile, Piece, Share, State};
use crate::weights::Saved;

/// Bytes that say how long a file's header is.
const LENGTH: usize = 8;

/// Writes what this rank has of `state` to its file in `folder`, synced; what the manifest says of it, as JSON.
pub(super) fn write(state: &State, folder: &Path) -> Result<String, CheckpointError> {
    let file = format!("rank-{:05}.safetensors", state.rank());
    let path = folder.join(&file);
    let mut first_rows = BTreeMap::new();
    let mut named = Vec::new();
    for (name, stored) in &state.tensors {
        // One rank writes for all.
        let mine = stored.share != Share::Same || state.rank() == 0;
        for Piece { first, rows, data } in stored.pieces.iter().filter(|piece| mine && piece.rows > 0) {
            let Data::Here(tensor) = data else { unreachable!("{rows} rows of `{name}` come from a checkpoint") };
            named.push((name.as_str(), Saved::of(tensor)));
            if *first > 0 {
                first_rows.insert(name.clone(), *first);
            }
        }
    }
    let failed = |reason: String| CheckpointError::Io { path: path.clone(), source: std::io::Error::other(reason) };
    // safetensors renames a file of its own to this path, which its owner alone may read.
    let permissions =
        File::create(&path).and_then(|file| file.metadata()).map_err(CheckpointError::io(&path))?.permissions();
    safetensors::serialize_to_file(named, None, &path).map_err(|error| failed(error.to_string()))?;
    fs::set_permissions(&path, permissions).map_err(CheckpointError::io(&path))?;
    File::open(&path).and_then(|file| file.sync_all()).map_err(CheckpointError::io(&path))?;
    let (bytes, sha256) = sum(&path).map_err(CheckpointError::io(&path))?;
    let own = state.own.get(&state.rank()).cloned().unwrap_or_default();
    Ok(serde_json::to_string(&RankFile { file, bytes, sha256, first_rows, own }).expect("numbers, texts and lists"))
}

/// A rank's file, every byte of it checked.
pub(super) struct Open<'a> {
    path: Arc<PathBuf>,
    header: Metadata,
    /// Where the tensors' bytes begin.
    begin: u64,
    file: &'a RankFile,
}

impl<'a> Open<'a> {
    pub(super) fn verified(folder: &Path, file: &'a RankFile) -> Result<Self, CheckpointError> {
        let path = folder.join(&file.file);
        let damaged = |reason: &str| CheckpointError::damaged(folder, format!("{} {reason}", file.file));
        let length = path.metadata().map_err(CheckpointError::io(&path))?.len();
        if length != file.bytes {
            return Err(damaged(&format!("has {length} bytes, not {}", file.bytes)));
        }
        if sum(&path).map_err(CheckpointError::io(&path))?.1 != file.sha256 {
            return Err(damaged("has another SHA-256 than the manifest says"));
        }
        let mut length = [0; LENGTH];
        let mut open = File::open(&path).map_err(CheckpointError::io(&path))?;
        open.read_exact(&mut length).map_err(CheckpointError::io(&path))?;
        let length = u64::from_le_bytes(length);
        let mut header = Vec::new();
        open.take(length).read_to_end(&mut header).map_err(CheckpointError::io(&path))?;
        let header = serde_json::from_slice(&header).map_err(|_| damaged("is no safetensors file"))?;
        Ok(Self { path: Arc::new(path), header, begin: LENGTH as u64 + length, file })
    }

    /// The rows that the file has of a tensor; `None` if it has none.
    pub(super) fn piece(
        &self,
        folder: &Path,
        name: &str,
        described: &Described,
    ) -> Result<Option<Piece>, CheckpointError> {
        let Some(info) = self.header.info(name) else { return Ok(None) };
        let kind = kind(info.dtype).filter(|_| info.dtype == described.dtype);
        let same_row = info.shape.len() == described.shape.len()
            && info.shape[1..].iter().zip(&described.shape[1..]).all(|(one, other)| *one as i64 == *other);
        let (Some(kind), Some(rows), true) = (kind, info.shape.first(), same_row) else {
            let reason = format!("`{name}` of {} is not the manifest's", self.file.file);
            return Err(CheckpointError::damaged(folder, reason));
        };
        let (path, row) = (Arc::clone(&self.path), described.shape[1..].to_vec());
        let offset = self.begin + info.data_offsets.0 as u64;
        let first = self.file.first_rows.get(name).copied().unwrap_or(0);
        Ok(Some(Piece { first, rows: *rows as i64, data: Data::InFile(InFile { path, offset, kind, row }) }))
    }
}
