//! Why a run could not be judged.

use std::io;
use std::path::PathBuf;

use dinov3_ground::{Hint, Hints};
use dinov3_program::ProgramError;
use dinov3_trajectory::{ReadError, SpreadError, TrajectoryError};
use thiserror::Error;

/// Why a run could not be judged.
#[derive(Debug, Error)]
pub enum Failure {
    /// A log cannot be read.
    #[error(transparent)]
    Log(Box<ReadError>),
    /// A recorded run cannot be read.
    #[error(transparent)]
    Trajectory(Box<TrajectoryError>),
    /// A spread cannot be read.
    #[error(transparent)]
    Spread(Box<SpreadError>),
    /// There is no recorded run.
    #[error("no recorded run is in {}", .0.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", "))]
    NoTrajectory(Vec<PathBuf>),
    /// The log does not say at which precision it was trained, or at one that was not recorded.
    #[error("{log} does not say which recorded run it is to be held against: {what}")]
    NoRecording {
        /// The log.
        log: String,
        /// What is missing.
        what: String,
    },
    /// Two runs were given, and no candidate.
    #[error("`--against` needs a candidate")]
    NoCandidate,
    /// Several logs are to be judged at once.
    #[error("{logs} candidates are given, and one log is judged at a time")]
    ManyCandidates {
        /// How many.
        logs: usize,
    },
    /// A number was given beside a log.
    #[error("`{0}` is a number, and the other side is a log")]
    OneNumber(String),
    /// The recipe is not on board.
    #[error("{0}")]
    Program(#[source] Box<ProgramError>),
    /// The states of a run cannot be read.
    #[error("{0}")]
    States(String),
    /// The manifest does not say under which circumstances a run was recorded.
    #[error("the manifest of the recorded run has no fingerprint of the machine: {0}")]
    Fingerprint(String),
    /// Nobody can be told.
    #[error("the results could not be shown: {0}")]
    Output(io::Error),
    /// The training was stopped.
    #[error("the training was stopped before iteration {it}; what it did is in {}", folder.display())]
    Stopped {
        /// The next iteration.
        it: usize,
        /// Its folder.
        folder: PathBuf,
    },
}

impl Hint for Failure {
    fn hints(&self) -> Hints {
        match self {
            Self::Log(error) => error.hints(),
            Self::Trajectory(error) => error.hints(),
            Self::Spread(error) => error.hints(),
            Self::NoTrajectory(_) => "`--golden DIR` names the folder of a recorded run".into(),
            Self::NoRecording { .. } => {
                "`--precision fp32` or `--precision bf16` says it; `--against LOG` takes another log".into()
            }
            Self::ManyCandidates { .. } => {
                "give further logs of a recipe with `--spread`, or judge them by runs of their own".into()
            }
            Self::NoCandidate => "`--candidate LOG --against LOG` holds one log against another".into(),
            Self::OneNumber(_) => "give two logs, or the last losses of two runs".into(),
            Self::Program(error) => error.hints(),
            Self::Fingerprint(_) => "record it again (golden/README.md)".into(),
            Self::States(_) => "train again with `train --trace 1000`".into(),
            Self::Output(_) => "see where the output is redirected to, and whether that disk is full".into(),
            Self::Stopped { .. } => "the same command goes on from there".into(),
        }
    }
}

/// Boxes the errors of other crates, which are large.
macro_rules! boxed {
    ($($error:ident => $variant:ident),+ $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::$variant(Box::new(error))
            }
        })+
    };
}

boxed! { ReadError => Log, TrajectoryError => Trajectory, SpreadError => Spread, ProgramError => Program }
