//! Datasets: numbered samples, each the bytes of one encoded image.

mod spec;

use std::io;
use std::path::PathBuf;

use dinov3_ground::{Hint, Hints};

pub use spec::{DatasetSpec, SpecError};

/// Samples in a fixed order. Many threads can read them at once and in any order.
///
/// The reading half of `dinov3/data/datasets/extended.py`. A dataset here does not decode.
pub trait Dataset: Send + Sync {
    /// The number of samples.
    fn len(&self) -> usize;

    /// Whether there are no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of the file of sample `index`.
    ///
    /// # Errors
    /// If there is no such sample, or its file cannot be read. The error names the file.
    fn read(&self, index: usize) -> Result<Vec<u8>, ReadError>;

    /// The name of sample `index` for a message: its file, or its number if there is no such sample.
    fn name_of(&self, index: usize) -> String;
}

/// The reason why a sample cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// An index beyond the end.
    #[error("there is no sample {index}: the dataset has {len}, counted from 0")]
    OutOfRange {
        /// The index.
        index: usize,
        /// The number of samples.
        len: usize,
    },
    /// The system cannot read the sample's file.
    #[error("sample {index} cannot be read from {}: {error}", path.display())]
    File {
        /// The sample.
        index: usize,
        /// Its file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The sample's entry gives no path.
    #[error("sample {index} has no file: {problem}")]
    Entry {
        /// The sample.
        index: usize,
        /// The problem of the entry.
        problem: String,
    },
}

impl Hint for ReadError {
    fn hints(&self) -> Hints {
        let hint: String = match self {
            Self::OutOfRange { .. } => "the sampler was made for another dataset: make it for this one's length".into(),
            Self::File { error, .. } if error.kind() == io::ErrorKind::NotFound => {
                "give the root that the tables were made from, or make them again with `data prepare`".into()
            }
            Self::File { .. } => "check that the file may be read and that its disk is sound".into(),
            Self::Entry { .. } => "make the tables again with `data prepare --force`".into(),
        };
        hint.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_and_a_forbidden_one_ask_for_different_things() {
        let file = |kind: io::ErrorKind| ReadError::File { index: 7, path: "train/a.JPEG".into(), error: kind.into() };
        let missing = file(io::ErrorKind::NotFound);
        assert_eq!(missing.to_string(), "sample 7 cannot be read from train/a.JPEG: entity not found");
        assert!(missing.hints().to_string().contains("data prepare"), "{}", missing.hints().to_string());
        assert!(file(io::ErrorKind::PermissionDenied).hints().to_string().contains("may be read"));
    }
}
