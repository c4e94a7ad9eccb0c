//! Why a file is not the log of a run.

use std::io;
use std::path::PathBuf;

use dinov3_ground::{Hint, Hints};
use thiserror::Error;

use crate::run::Format;

/// A log that cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The folder holds no log.
    #[error("the folder `{}` holds no log", folder.display())]
    NoLog {
        /// The folder.
        folder: PathBuf,
    },
    /// The content of the file is wrong.
    #[error("{file}{problem}")]
    File {
        /// The file.
        file: String,
        /// What is wrong.
        problem: Problem,
    },
}

/// What is wrong with the content of a file. The text begins behind the name of the file. Lines are counted from 1.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum Problem {
    /// The file has no bytes, or only blanks.
    #[error(": the file is empty")]
    Empty,
    /// The file is no text.
    #[error(": the file is binary and holds no TensorBoard events")]
    Binary,
    /// The format is known and the file has no figures.
    #[error(": no figures in this {0}")]
    NoFigures(Format),
    /// A line is wrong.
    #[error(":{line}:{column}: {reason}")]
    Line {
        /// The line.
        line: u64,
        /// The column, counted in bytes from 1.
        column: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The table has no column of iterations.
    #[error(":1: no column of iterations among {columns}")]
    NoIterations {
        /// The names of the columns.
        columns: String,
    },
    /// A record of an event file is wrong.
    #[error(": record {record} (at byte {offset}): {reason}")]
    Record {
        /// The record, counted from 1.
        record: u64,
        /// The place of its first byte.
        offset: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl Hint for ReadError {
    fn hints(&self) -> Hints {
        match self {
            Self::Io { .. } => Hints::from("give the log of a training, or its output folder"),
            Self::NoLog { .. } => Hints::from(
                "name the file itself, or a folder with `training_metrics.json`, `logs/log.txt` or TensorBoard's event files",
            ),
            Self::File { problem, .. } => match problem {
                Problem::Empty => Hints::from("check whether the run has logged its first ten steps"),
                Problem::Binary | Problem::NoFigures(Format::Text) => Hints::from(
                    "a log is `training_metrics.json`, the text log with lines `Training  [ 10/125000]  eta: …`, CSV with a header, or event files of TensorBoard",
                ),
                Problem::NoFigures(_) => Hints::from("check whether the run has logged its first ten steps"),
                Problem::Line { .. } => {
                    Hints::from("remove the line if the run went on behind it; its iteration then counts as missing")
                }
                Problem::NoIterations { .. } => Hints::from("name the column of iterations `iteration`"),
                Problem::Record { .. } => Hints::from("copy the event file again from the machine that wrote it"),
            },
        }
    }
}
