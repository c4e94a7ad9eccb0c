//! The reasons why a set could not be written.

use std::io;
use std::path::PathBuf;

use dinov3_ground::{Hint, Hints};

use crate::names::{EntryNameError, Kind, Precision, Stage};

/// The reasons why a set could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A set exists already.
    #[error("{} exists already", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// The header cannot begin a set.
    #[error("the header is unusable: {problem}")]
    Header {
        /// The problem.
        problem: String,
    },
    /// A name was recorded twice at one precision, or given to two inputs.
    #[error("`{entry}` was recorded twice")]
    Duplicate {
        /// The name.
        entry: String,
    },
    /// A name was recorded in two stages.
    #[error("`{entry}` was recorded in stage {first} and again in stage {second}")]
    StageDiffers {
        /// The name.
        entry: String,
        /// Stage at the precision recorded first.
        first: Stage,
        /// Stage now.
        second: Stage,
    },
    /// A name is not an entry name.
    #[error(transparent)]
    Name(#[from] EntryNameError),
    /// A name was recorded in a stage that has no entries of its kind.
    #[error("`{entry}` cannot be recorded in stage {stage}, which has no entries of kind `{kind}`")]
    NotOfStage {
        /// The name.
        entry: String,
        /// The stage.
        stage: Stage,
        /// The name's kind.
        kind: Kind,
    },
    /// A value was recorded at a precision that the header does not list.
    #[error("the header does not list the precision {precision}")]
    NoPrecision {
        /// The precision.
        precision: Precision,
    },
    /// The operating system refused to write a file or folder.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
}

impl Hint for WriteError {
    fn hints(&self) -> Hints {
        let hint: &'static str = match self {
            Self::Exists { .. } => "choose another folder, or say that the set there may be replaced",
            Self::Header { .. } => "pass a manifest of this schema version without entries",
            Self::Duplicate { .. } | Self::StageDiffers { .. } => "give each repetition its call number (`path#1`)",
            Self::Name(_) => "write `path[#call][:port]` for a module's tensor and `kind:path` for any other",
            Self::NotOfStage { .. } => "record it in a stage of its kind",
            Self::NoPrecision { .. } => "list the precision and its fingerprint in the header",
            Self::Io { .. } => "check the permissions and the space left on the disk",
        };
        hint.into()
    }
}
