//! Why a folder is no golden trajectory.

use std::io;
use std::path::{Path, PathBuf};

use dinov3_ground::{Hint, Hints};
use thiserror::Error;

use super::SCHEMA_VERSION;

/// A golden trajectory that cannot be read or written.
#[derive(Debug, Error)]
pub enum TrajectoryError {
    /// A file cannot be read or written.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The content of a file is wrong.
    #[error("{}: {wrong}", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        wrong: Wrong,
    },
}

/// What is wrong with a file.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum Wrong {
    /// The manifest is no manifest.
    #[error("{0}")]
    Manifest(String),
    /// The manifest has another version.
    #[error("the schema version is {0}; this program reads {SCHEMA_VERSION}")]
    Version(u64),
    /// A number or name of the manifest is out of range.
    #[error("`{key}` is {given}; {reason}")]
    Value {
        /// The key.
        key: String,
        /// Its value.
        given: String,
        /// What is expected.
        reason: &'static str,
    },
    /// The name of a file leads out of the folder.
    #[error("`{0}` is not the name of a file of this folder")]
    FileName(String),
    /// The file has other bytes.
    #[error("its SHA-256 is {found}, and {recorded} in the manifest")]
    Hash {
        /// As the manifest has it.
        recorded: String,
        /// That of the file.
        found: String,
    },
    /// The file is no file of columns.
    #[error("{0}")]
    File(String),
    /// A column is missing, or has another type or length.
    #[error("the column `{column}` {reason}")]
    Column {
        /// The column.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// An error about the content of a file.
pub(super) fn at(file: &Path, wrong: Wrong) -> TrajectoryError {
    TrajectoryError::Content { file: file.to_owned(), wrong }
}

impl Hint for TrajectoryError {
    fn hints(&self) -> Hints {
        match self {
            Self::Io { .. } => Hints::none(),
            Self::Content { wrong: Wrong::Version(_), .. } => {
                Hints::from("use the harness that the trajectory was recorded for, or record it again")
            }
            Self::Content { .. } => Hints::from("restore the folder: `git checkout` brings back what was recorded"),
        }
    }
}
