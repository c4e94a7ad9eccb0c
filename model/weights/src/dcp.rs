//! A folder that `torch.distributed.checkpoint.save` has written.
//!
//! `.metadata` is a pickle: the shape and dtype of each tensor, the blocks that it is saved in, and the file and place of each block. A
//! `__N_0.distcp` is what rank N has written: one file of `torch.save` after another.

mod index;

use std::collections::HashMap;
use std::path::{Component, Path};
use std::sync::Arc;

use rayon::prelude::*;

use crate::error::FileError;
use crate::file::{Source, Window};
use crate::pickle::Pickle;
use crate::pth;
use crate::stored::{At, Piece, Stored};
use crate::tree::{Entry, Leaf};
use index::{Described, Index};

/// The name of the index.
pub(crate) const METADATA: &str = ".metadata";

/// The entries of a folder.
pub(crate) fn open(folder: &Path) -> Result<Vec<Entry>, FileError> {
    let path = folder.join(METADATA);
    let source = Source::open(&path)?;
    let bytes = Window::whole(&source).bytes()?;
    let invalid = |reason: String| FileError::invalid(folder, reason);
    let pickle = Pickle::read(&bytes).map_err(|reason| FileError::invalid(&path, reason))?;
    let index = Index::read(&pickle).map_err(|reason| FileError::invalid(&path, reason))?;
    let mut files = Files { folder, open: HashMap::new() };
    let mut entries = Vec::with_capacity(index.entries.len());
    let mut values = Vec::new();
    let mut claimed = 0_u64;
    for (name, path, described) in &index.entries {
        match described {
            Described::Tensor { dtype, shape, blocks } => {
                let mut pieces = Vec::with_capacity(blocks.len());
                for block in blocks {
                    let at = At::Saved(files.window(name, &index, &block.offsets)?);
                    pieces.push(Piece { offsets: block.offsets.clone(), sizes: block.sizes.clone(), at });
                }
                let stored = Stored { dtype: *dtype, shape: shape.clone(), pieces };
                claimed = claimed.saturating_add(stored.bytes());
                entries.push(Entry { path: path.clone(), leaf: Leaf::Tensor(stored) });
            }
            Described::Value => {
                values.push((entries.len(), files.window(name, &index, &[])?));
                entries.push(Entry { path: path.clone(), leaf: Leaf::Value(crate::Value::None) });
            }
        }
    }
    let held: u64 = files.open.values().map(|file| file.length).sum();
    if claimed > held {
        return Err(invalid(format!("its tensors are said to have {claimed} bytes, and its files have {held}")));
    }
    let read = values.par_iter().map(|(at, window)| Ok((*at, pth::saved_value(window)?)));
    for (at, value) in read.collect::<Result<Vec<_>, FileError>>()? {
        entries[at].leaf = Leaf::Value(value);
    }
    Ok(entries)
}

/// The files of a folder that the index names.
struct Files<'a> {
    folder: &'a Path,
    open: HashMap<String, Arc<Source>>,
}

impl Files<'_> {
    fn window(&mut self, name: &str, index: &Index, offsets: &[u64]) -> Result<Window, FileError> {
        let invalid = |reason: String| FileError::invalid(self.folder, reason);
        let Some((file, start, length)) = index.places.get(&(name, offsets.to_vec())) else {
            return Err(invalid(format!("its index does not say where `{name}` is")));
        };
        if !self.open.contains_key(*file) {
            let mut parts = Path::new(file).components();
            if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
                return Err(invalid(format!("its index names a file that is not in the folder: {file:?}")));
            }
            self.open.insert((*file).to_owned(), Source::open(&self.folder.join(file))?);
        }
        let source = &self.open[*file];
        Window::of(source, *start, *length).ok_or_else(|| invalid(format!("{file} ends within `{name}`")))
    }
}
