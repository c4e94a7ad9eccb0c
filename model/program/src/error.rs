//! Why a training could not be run, or ended early.

use std::io;
use std::path::{Path, PathBuf};

use dinov3_config::ConfigError;
use dinov3_config::merge::MergeError;
use dinov3_data::config::ConfigError as DataError;
use dinov3_data::dataset::SpecError;
use dinov3_data::imagenet::OpenError;
use dinov3_data::tables::PrepareError;
use dinov3_ground::{Hint, Hints};
use dinov3_ranks::{EnvError, GroupError};
use dinov3_train::TrainError;
use dinov3_train::checkpoint::CheckpointError;
use dinov3_train::run::{PartError, RunError};
use dinov3_train::weights::WeightsError;
use thiserror::Error;

/// The cause of the end of a training: what an exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// What was asked for, or the files that it names.
    Input,
    /// The training itself: it does not converge.
    Training,
    /// Another rank.
    Peer,
    /// What this machine lacks.
    Environment,
}

/// Why a training could not be run, or ended early.
#[derive(Debug, Error)]
pub enum ProgramError {
    /// The config cannot be merged.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// The config cannot be honoured.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its data cannot be made.
    #[error(transparent)]
    Data(#[from] DataError),
    /// `train.dataset_path` names no dataset.
    #[error("`train.dataset_path`: {0}")]
    Spec(#[from] SpecError),
    /// The dataset cannot be opened.
    #[error("`train.dataset_path`: {0}")]
    Dataset(#[from] OpenError),
    /// The photographs on board cannot be listed.
    #[error("the photographs on board: {0}")]
    Photographs(#[from] PrepareError),
    /// Something that this program does not do.
    #[error("{what}")]
    Refused {
        /// What was asked for, and why not.
        what: String,
        /// What to do.
        hint: String,
    },
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The trainer cannot be made, or a step not be taken.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Weights that the config names cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A part of the loop failed.
    #[error("{what}: {source}")]
    Part {
        /// What it was doing.
        what: &'static str,
        /// Why.
        source: PartError,
    },
    /// torchrun's environment contradicts itself.
    #[error(transparent)]
    Environment(#[from] EnvError),
    /// A rank is gone.
    #[error(transparent)]
    Group(#[from] GroupError),
}

impl ProgramError {
    /// What is refused, and what to do instead.
    pub fn refused(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), hint: hint.into() }
    }

    /// An error of the file or folder `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// The cause.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Train(TrainError::TooManyNans { .. }) => Cause::Training,
            Self::Group(error)
            | Self::Train(TrainError::Group(error))
            | Self::Checkpoint(CheckpointError::Group(error)) => {
                if error.failure.is_of_others() {
                    Cause::Peer
                } else {
                    Cause::Environment
                }
            }
            _ => Cause::Input,
        }
    }
}

impl ProgramError {
    /// Where a rank is gone, that is the error, whatever was to be saved.
    fn unsaved(source: PartError) -> Self {
        match source.downcast::<GroupError>() {
            Ok(error) => Self::Group(*error),
            Err(source) => match source.downcast::<TrainError>() {
                Ok(error) => Self::Train(*error),
                Err(source) => Self::Part { what: "what lasts cannot be saved", source },
            },
        }
    }
}

impl ProgramError {
    /// The loader failed.
    pub(crate) fn no_batch(source: PartError) -> Self {
        Self::Part { what: "no batch can be loaded", source }
    }
}

impl From<RunError> for ProgramError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Train(error) => Self::Train(error),
            RunError::Loader(source) => Self::no_batch(source),
            RunError::Save { source, .. } => Self::unsaved(source),
            RunError::Log(source) => Self::Part { what: "the log cannot be written", source },
        }
    }
}

impl Hint for ProgramError {
    fn hints(&self) -> Hints {
        const KEY: &str = "change the key on the command line (KEY=VALUE) or in the file";
        match self {
            Self::Merge(error) => error.hints(),
            Self::Config(_) => KEY.into(),
            Self::Data(error) => error.hints(),
            Self::Spec(error) => error.hints(),
            Self::Dataset(error) => error.hints(),
            Self::Photographs(error) => error.hints(),
            Self::Refused { hint, .. } => hint.clone().into(),
            Self::Io { .. } | Self::Part { what: "what lasts cannot be saved" | "the log cannot be written", .. } => {
                "see whether the disk is full, and the folder can be read and written; what was saved is still there"
                    .into()
            }
            Self::Train(TrainError::TooManyNans { .. }) => {
                "the log has the losses before; resume the last checkpoint with a lower `optim.lr`".into()
            }
            Self::Train(TrainError::Unsupported { .. } | TrainError::Schedule(_)) => KEY.into(),
            Self::Weights(error) => {
                let keys = "the keys `gram.ckpt`, `student.resume_from_teacher_chkpt` and `distillation.checkpoint_path` name it";
                Hints::from(keys).and(error.hints())
            }
            Self::Checkpoint(error) => error.hints(),
            Self::Group(error) => error.hints(),
            Self::Environment(error) => error.hints(),
            Self::Part { .. } => {
                "the dataset's folder must be mounted and readable; `--broken-limit` lets more images be unusable"
                    .into()
            }
            Self::Train(TrainError::Group(error)) => error.hints(),
            Self::Train(_) => Hints::none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use dinov3_ranks::{Collective, Failure};

    use super::*;

    /// It was what could not be saved, with the exit code of a full disk.
    #[test]
    fn a_rank_that_is_gone_is_the_cause_wherever_it_shows() {
        let gone = || {
            let failure = Failure::Gone { ranks: vec![2], hosts: vec![[10, 0, 0, 2].into()] };
            GroupError { rank: 0, collective: Collective::AllGather, failure }
        };
        for error in [
            ProgramError::from(RunError::Save { it: 3, source: gone().into() }),
            ProgramError::from(RunError::Save { it: 3, source: TrainError::Group(gone()).into() }),
            ProgramError::from(RunError::Train(TrainError::Group(gone()))),
        ] {
            assert_eq!(error.cause(), Cause::Peer);
            assert_eq!(error.to_string(), "rank 0: all_gather failed: rank 2 on 10.0.0.2 is gone");
            assert!(error.hints().iter().any(|hint| hint.contains("look at that machine")));
        }
        let full = ProgramError::from(RunError::Save { it: 3, source: "no room".into() });
        assert_eq!((full.cause(), full.hints().is_empty()), (Cause::Input, false));
    }
}
