//! Why a dump cannot be judged.

use std::path::PathBuf;

use dinov3_golden::{JudgeError, SetError};
use dinov3_ground::{Hint, Hints};
use dinov3_weights::FileError;
use thiserror::Error;

/// Why a dump cannot be judged.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DumpError {
    /// There is no dump.
    #[error("there is no dump of msprobe in {}: {reason}", path.display())]
    NoDump {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// `dump.json` is none.
    #[error("{} is no dump of msprobe: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A tensor's file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The golden set cannot be read, or has no rule.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// What the golden set has of a tensor cannot be read.
    #[error(transparent)]
    Set(#[from] SetError),
    /// Nothing of the dump is in the golden set.
    #[error("none of the {tensors} tensors of the dump is one of the golden set `{set}`")]
    NothingMatches {
        /// The number of tensors.
        tensors: usize,
        /// The set.
        set: String,
    },
    /// The golden set lacks the precision.
    #[error("the golden set `{set}` is not recorded at {precision}")]
    NoPrecision {
        /// The set.
        set: String,
        /// The precision.
        precision: String,
    },
}

impl Hint for DumpError {
    fn hints(&self) -> Hints {
        match self {
            Self::NoDump { .. } => "give a folder such as DUMP/step0/rank0, which holds dump.json".into(),
            Self::Invalid { .. } => "a dump is whole after `PrecisionDebugger.stop()`; dump again".into(),
            Self::File(error) => error.hints(),
            Self::Judge(error) => error.hints(),
            Self::Set(error) => error.hints(),
            Self::NothingMatches { .. } => {
                "dump at level L0 or mix, with `PrecisionDebugger.start(model=…)` of the model that has `student` and \
                 `teacher`, on the inputs and weights of the golden set"
                    .into()
            }
            Self::NoPrecision { .. } => "give a set that is recorded at the dump's precision".into(),
        }
    }
}
