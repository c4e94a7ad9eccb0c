//! Why a gate cannot judge.

use std::io;
use std::path::PathBuf;

use dinov3_ground::{Hint, Hints, list};
use dinov3_reports::json::JsonError;
use thiserror::Error;

use super::Trait;

/// A gate that cannot judge.
#[derive(Debug, Error)]
pub enum GateError {
    /// A rule that is none.
    #[error("`{rule}` is no rule of a gate")]
    Rule {
        /// As it was typed.
        rule: String,
    },
    /// A file cannot be read or written.
    #[error("`{}`: {cause}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// No run has been accepted yet.
    #[error("there is no baseline `{}`", .0.display())]
    Missing(PathBuf),
    /// A file is no baseline.
    #[error("`{}` is no baseline: {cause}", file.display())]
    NoBaseline {
        /// The file.
        file: PathBuf,
        /// Why.
        cause: serde_json::Error,
    },
    /// A file is no report.
    #[error("`{}`: {cause}", file.display())]
    NoReport {
        /// The file.
        file: PathBuf,
        /// Why.
        cause: JsonError,
    },
    /// The report fails by itself.
    #[error("the run in `{}` does not pass: it can be no baseline", .0.display())]
    FailingBaseline(PathBuf),
    /// The file has no run.
    #[error("the baseline holds no run")]
    EmptyBaseline,
    /// One more run of nothing.
    #[error("`{}` holds no run that this one is one more of", .0.display())]
    NothingBefore(PathBuf),
    /// No reason was given.
    #[error("a baseline needs a reason")]
    NoReason,
    /// The baseline is of something else.
    #[error("the baseline has another {}: {was}, and here {is}", of.name())]
    Other {
        /// In what they differ.
        of: Trait,
        /// The baseline's.
        was: String,
        /// The run's.
        is: String,
    },
}

impl Hint for GateError {
    fn hints(&self) -> Hints {
        match self {
            Self::Rule { .. } => {
                "write rules such as `fps>=0.97x`, `loss<=1.001x`, `step_p95<=1.4` or `precision=pass`, with commas between them".into()
            }
            Self::Io { .. } => "check that the file exists and can be read, and its folder written to".into(),
            Self::Missing(file) => format!(
                "run without `--baseline` once, and accept that: `baseline accept RUN.json --to {} --because \"…\"`",
                file.display()
            )
            .into(),
            Self::NoBaseline { .. } | Self::EmptyBaseline => "`baseline accept RUN.json --because \"…\"` writes one".into(),
            Self::NoReport { cause, .. } => cause.hints(),
            Self::FailingBaseline(_) => "see what failed: `report RUN.json`".into(),
            Self::NothingBefore(_) => "leave out `--again`: the first run of a baseline stands alone".into(),
            Self::NoReason => "say in a few words why this run is the one to hold others against".into(),
            Self::Other { of, .. } => format!(
                "accept a baseline of this one, or say `--despite {}`; what can be named: {}",
                of.name(),
                list::and(Trait::ALL.iter().map(|it| it.name()))
            )
            .into(),
        }
    }
}
