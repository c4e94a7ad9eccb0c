//! Why runs cannot be laid beside each other.

use std::io;
use std::path::PathBuf;

use dinov3_ground::{Hint, Hints, list};
use dinov3_reports::json::JsonError;
use dinov3_reports::published;
use dinov3_trajectory::ReadError;
use thiserror::Error;

/// Runs that cannot be laid beside each other.
#[derive(Debug, Error)]
pub enum CompareError {
    /// There is no such file or folder, and no published row has that name.
    #[error("`{0}` is no file, no folder and no published row")]
    Unknown(String),
    /// A file cannot be read.
    #[error("`{}` cannot be read: {cause}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A report cannot be read.
    #[error("`{}`: {cause}", file.display())]
    Report {
        /// The file.
        file: PathBuf,
        /// Why.
        cause: JsonError,
    },
    /// A report in which nothing was timed.
    #[error("the report `{}` holds no speed and no loss", .0.display())]
    NothingToCompare(PathBuf),
    /// A folder without reports.
    #[error("there is no JSON report under `{}`", .0.display())]
    NoReports(PathBuf),
    /// A log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The file of the published script lacks a key.
    #[error("`{}` has no `{key} = `", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// The key.
        key: &'static str,
    },
}

impl Hint for CompareError {
    fn hints(&self) -> Hints {
        match self {
            Self::Unknown(_) => {
                let rows = list::or(published::ROWS.iter().map(|row| row.name));
                format!("give a JSON report, the folder or the log of a training, or a published row: {rows}").into()
            }
            Self::Io { .. } => "check that the file exists and may be read".into(),
            Self::Report { cause, .. } => cause.hints(),
            Self::NothingToCompare(_) => {
                "give the report of `run --suite performance`, or the log of the training".into()
            }
            Self::NoReports(_) => "store the JSON report of each run there: `run … --report DIR/NAME.json`".into(),
            Self::Log(cause) => cause.hints(),
            Self::Key { .. } => "give the file as the published script wrote it: nine lines `Key = value`".into(),
        }
    }
}
