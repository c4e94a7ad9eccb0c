//! Why a training could not be measured.

use dinov3_ground::{Hint, Hints};
use dinov3_program::ProgramError;
use dinov3_torch::plugin::PluginError;
use thiserror::Error;

/// Why a training could not be measured.
#[derive(Debug, Error)]
pub enum Failure {
    /// The recipe cannot be trained.
    #[error("{0}")]
    Program(#[source] Box<ProgramError>),
    /// Somebody else's run has no speed that can be measured here.
    #[error("the suite `performance` measures this program, and a candidate was made elsewhere")]
    Candidate,
    /// A broken trainer has no speed worth knowing.
    #[error("the suite `performance` measures the trainer as it is, and `{0}` was to be planted")]
    Planted(String),
    /// Tables without images.
    #[error("`--extra` names the tables of images, and `--data` does not say where the images are")]
    ExtraAlone,
    /// More steps than the recipe has.
    #[error("{steps} steps were asked for, and the recipe has {iterations}")]
    TooLong {
        /// Asked for.
        steps: u64,
        /// All of them.
        iterations: u64,
    },
    /// A signal came.
    #[error("the training was stopped after {0} steps")]
    Stopped(usize),
    /// No step is left that counts.
    #[error("none of the {0} steps counts for the speed: the first ones warm up")]
    NoStep(u64),
    /// A device does not do what it was handed.
    #[error("the device cannot be waited for: {0}")]
    Device(Box<PluginError>),
    /// The log that the published figure is made from cannot be read.
    #[error("the log of the training cannot be read: {0}")]
    Log(std::io::Error),
}

impl From<ProgramError> for Failure {
    fn from(error: ProgramError) -> Self {
        Self::Program(Box::new(error))
    }
}

impl Hint for Failure {
    fn hints(&self) -> Hints {
        match self {
            Self::Program(error) => error.hints(),
            Self::Candidate => "`--suite trajectory --candidate LOG` judges it; this suite needs no candidate".into(),
            Self::Planted(_) => "leave out `--plant`".into(),
            Self::ExtraAlone => "give both, or neither for the photographs on board".into(),
            Self::TooLong { .. } => "give fewer `--epochs` or `--steps`, or another `--recipe`".into(),
            Self::Stopped(_) => "run it again, and let it end".into(),
            Self::NoStep(_) => "give more `--steps`: thirty are few".into(),
            Self::Device(error) => error.hints(),
            Self::Log(_) => "see whether the disk is full".into(),
        }
    }
}
