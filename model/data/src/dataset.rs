//! What a loader reads from: numbered samples, each the bytes of one encoded image.

mod spec;

use std::io;
use std::path::PathBuf;

use dinov3_ground::{Hint, Hints};

pub use spec::{DatasetSpec, SpecError};

/// Samples in a fixed order, read in any order and by many threads at once.
///
/// The reading half of `dinov3/data/datasets/extended.py`; decoding is not a dataset's business here.
pub trait Dataset: Send + Sync {
    /// How many samples there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The encoded image of sample `index`, as it stands in the file.
    ///
    /// # Errors
    /// When there is no such sample, or its file cannot be read; the error names the file.
    fn read(&self, index: usize) -> Result<Vec<u8>, ReadError>;

    /// What to call sample `index` in a message: its file, or its number where there is no such sample.
    fn name_of(&self, index: usize) -> String;
}

/// Why a sample could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// An index beyond the end.
    #[error("there is no sample {index}: the dataset has {len}, counted from 0")]
    OutOfRange {
        /// The index asked for.
        index: usize,
        /// How many samples there are.
        len: usize,
    },
    /// What the system says of its file.
    #[error("sample {index} cannot be read from {}: {error}", path.display())]
    File {
        /// The sample.
        index: usize,
        /// Its file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// An entry from which no path can be made.
    #[error("sample {index} has no file: {problem}")]
    Entry {
        /// The sample.
        index: usize,
        /// What is wrong with its entry.
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
            Self::File { .. } => "see whether the file may be read, and whether the disk it lies on is sound".into(),
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
