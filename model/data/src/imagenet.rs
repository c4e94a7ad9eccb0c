//! ImageNet as a dataset. Tables list the images; the files below the root are read one by one.

mod split;

use std::path::PathBuf;

use dinov3_ground::{Hint, Hints};

pub use split::{Split, UnknownSplit};

use crate::dataset::{Dataset, DatasetSpec, ReadError};
use crate::tables::{Entries, TableError, entries_file};

/// The accepted number of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// The number of the official ImageNet, as the reference requires.
    Official,
    /// Any number above 0.
    Any,
}

/// A split of ImageNet: `ImageNet` of the reference's `dinov3/data/datasets/image_net.py`.
#[derive(Debug)]
pub struct ImageNet {
    split: Split,
    root: PathBuf,
    entries: Entries,
}

/// The reason why a dataset cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The number of images differs from the official ImageNet.
    #[error("{split} has {found} images in {}, and officially {official}", path.display(), official = split.official_len())]
    Length {
        /// The split.
        split: Split,
        /// The table.
        path: PathBuf,
        /// The number of its rows.
        found: usize,
    },
    /// The table has no rows.
    #[error("{} holds no image", .0.display())]
    Empty(PathBuf),
    /// The folder of the images does not exist.
    #[error("there is no folder {}", .0.display())]
    NoFolder(PathBuf),
}

impl Hint for OpenError {
    fn hints(&self) -> Hints {
        let hint: &'static str = match self {
            Self::Table(error) => return error.hints(),
            Self::Length { .. } => "complete it and run `data prepare`, or allow another number of images",
            Self::Empty(_) => "make the tables again with `data prepare --force`",
            Self::NoFolder(_) => "give the folder that holds `train` and `val` as root",
        };
        hint.into()
    }
}

impl ImageNet {
    /// Maps the split's entries and checks that the folder of the images exists. No image is read.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(spec: &DatasetSpec, length: Length) -> Result<Self, OpenError> {
        let split = spec.split;
        let entries = Entries::open(&spec.extra.join(entries_file(split)))?;
        let (found, path) = (entries.len(), entries.path().to_owned());
        if length == Length::Official && found != split.official_len() {
            return Err(OpenError::Length { split, path, found });
        }
        if found == 0 {
            return Err(OpenError::Empty(path));
        }
        let root = spec.root_folder();
        let folder = root.join(split.folder());
        if !folder.is_dir() {
            return Err(OpenError::NoFolder(folder));
        }
        Ok(Self { split, root, entries })
    }

    /// The split.
    pub fn split(&self) -> Split {
        self.split
    }

    /// The number of images of the official ImageNet, if this dataset has another number. A report should state the
    /// difference.
    pub fn official_len_if_other(&self) -> Option<usize> {
        Some(self.split.official_len()).filter(|official| *official != self.entries.len())
    }

    /// The table.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// The file of image `index`.
    ///
    /// # Errors
    /// If there is no such image, or its entry holds no text.
    pub fn path(&self, index: usize) -> Result<PathBuf, TableError> {
        let class_id = if self.split.has_classes() { self.entries.class_id(index)? } else { String::new() };
        Ok(self.root.join(self.split.image_path(self.entries.actual_index(index)?, &class_id)))
    }

    /// The class of image `index`, from 0; `None` in a split without classes, or if there is no such image.
    pub fn target(&self, index: usize) -> Option<u32> {
        self.entries.class_index(index).ok().filter(|_| self.split.has_classes())
    }

    /// The id of the class of image `index`, such as `n01440764`; `None` as for [`ImageNet::target`].
    pub fn class_id(&self, index: usize) -> Option<String> {
        self.entries.class_id(index).ok().filter(|_| self.split.has_classes())
    }

    /// The name of the class of image `index`, such as `tench`; `None` as for [`ImageNet::target`].
    pub fn class_name(&self, index: usize) -> Option<String> {
        self.entries.class_name(index).ok().filter(|_| self.split.has_classes())
    }
}

impl Dataset for ImageNet {
    fn len(&self) -> usize {
        self.entries.len()
    }

    fn read(&self, index: usize) -> Result<Vec<u8>, ReadError> {
        let len = self.len();
        if index >= len {
            return Err(ReadError::OutOfRange { index, len });
        }
        let path = self.path(index).map_err(|error| ReadError::Entry { index, problem: error.to_string() })?;
        std::fs::read(&path).map_err(|error| ReadError::File { index, path, error })
    }

    fn name_of(&self, index: usize) -> String {
        self.path(index).map_or_else(|_| format!("sample {index}"), |path| path.display().to_string())
    }
}

#[cfg(test)]
mod tests;
