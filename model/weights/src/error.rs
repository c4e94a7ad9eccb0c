//! Why a file of weights could not be read or written.

use std::io;
use std::path::{Path, PathBuf};

use dinov3_ground::{Hint, Hints};
use thiserror::Error;

/// Why a file of weights could not be read or written.
#[derive(Debug, Error)]
pub enum FileError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file is none of the known formats, is damaged, or has what no checkpoint has.
    #[error("{} cannot be read as a checkpoint: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl FileError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn invalid(path: &Path, reason: impl Into<String>) -> Self {
        Self::Invalid { path: path.to_owned(), reason: reason.into() }
    }
}

impl Hint for FileError {
    fn hints(&self) -> Hints {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "see whether the path is right; a relative one begins at the current folder".into()
            }
            Self::Io { .. } => "see whether the disk is full, and the file can be read and written".into(),
            Self::Invalid { .. } => {
                "a checkpoint is a `.pth` of torch.save, a folder with `.metadata` of torch.distributed.checkpoint, a \
                 `.safetensors`, or a checkpoint folder of `train`"
                    .into()
            }
        }
    }
}
