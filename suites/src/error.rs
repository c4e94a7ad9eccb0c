//! Errors that keep a suite from judging.

use std::io;
use std::path::PathBuf;

use dinov3_config::ConfigError;
use dinov3_golden::{GoldenSet, JudgeError, Problems, RecipeMismatch, SetError};
use dinov3_ground::{Hint, Hints};
use dinov3_msprobe::DumpError;
use dinov3_ranks::GroupError;
use dinov3_train::weights::WeightsError;
use dinov3_train::{StateError, TrainError};
use dinov3_vit::vit::NoSuchBlock;
use thiserror::Error;

use crate::reduce_op::RanksError;

/// The reason why a suite could not judge. Every reason is about the input of the suite, and none about the candidate's numbers.
#[derive(Debug, Error)]
pub enum SuiteError {
    /// A golden or candidate set cannot be read.
    #[error("{0}")]
    Set(#[from] SetError),
    /// A golden set or a candidate is damaged.
    #[error("the {what} `{name}` is damaged:\n{problems}")]
    Damaged {
        /// `golden set` or `candidate`.
        what: &'static str,
        /// The set.
        name: String,
        /// What is wrong.
        problems: Problems,
    },
    /// A golden set was recorded from a patched checkout.
    #[error("the golden set `{name}` was recorded from a patched checkout of the reference")]
    PatchedGolden {
        /// The set.
        name: String,
    },
    /// The candidate's folder has no set in it.
    #[error("there is no candidate under {}", .0.display())]
    NoCandidate(PathBuf),
    /// It is not known which set a dump of msprobe is to be held against.
    #[error("{} is a dump of msprobe, which does not say what pass it is of", .0.display())]
    DumpOfWhat(PathBuf),
    /// A dump of msprobe has no elements, so it cannot pass for what was computed.
    #[error("{} is a dump of msprobe without the elements of its tensors", .0.display())]
    DumpWithoutElements(PathBuf),
    /// A dump of msprobe cannot be judged.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// Two candidates are recordings of one set.
    #[error("there are two candidates of the set `{name}`; the second is {}", folder.display())]
    TwoCandidates {
        /// The set.
        name: String,
        /// The candidate that came second.
        folder: PathBuf,
    },
    /// There is nothing to judge against.
    #[error("no golden set {wanted} under {}", listed(.roots))]
    NoSet {
        /// The set that was looked for.
        wanted: String,
        /// The folders that were searched.
        roots: Vec<PathBuf>,
    },
    /// The suite `reduce-op` has nothing to do.
    #[error("there is nothing for the suite `reduce-op` to do: {why}")]
    NothingToReduce {
        /// The reason.
        why: &'static str,
    },
    /// No set is one that the suite judges.
    #[error("nothing under {} is for the suite `{suite}`", listed(.roots))]
    NothingFor {
        /// The suite.
        suite: &'static str,
        /// The folders that were searched.
        roots: Vec<PathBuf>,
    },
    /// The candidate's first step began from another state.
    #[error("the candidate `{set}` did not start from the golden set's `{tensor}` of {file}")]
    OtherStart {
        /// The set.
        set: String,
        /// The file of the set.
        file: &'static str,
        /// The first tensor that differs.
        tensor: String,
    },
    /// The candidate was recorded from another recipe.
    #[error("{0}")]
    Recipe(#[from] RecipeMismatch),
    /// The candidate has none of the precisions that are judged.
    #[error("the candidate set `{name}` has no fp32 or bf16 values to judge")]
    NothingToJudge {
        /// The set.
        name: String,
    },
    /// A set's recipe cannot be replayed by this trainer.
    #[error("the golden set `{set}` cannot be replayed: {source}")]
    Config {
        /// The set.
        set: String,
        /// Why.
        source: ConfigError,
    },
    /// A set's recipe asks for a block that its network lacks.
    #[error("the golden set `{set}` cannot be replayed: {source}")]
    Intermediate {
        /// The set.
        set: String,
        /// Why.
        source: NoSuchBlock,
    },
    /// A set of a later stage does not tell the steps that it recorded.
    #[error("the golden set `{set}` does not say which steps it recorded")]
    NoSteps {
        /// The set.
        set: String,
    },
    /// A set of figures that no network computed.
    #[error("the golden set `{set}` starts from no weights: it records functions of random numbers, not networks")]
    NoWeights {
        /// The set.
        set: String,
    },
    /// This machine draws other weights from the seed than were recorded.
    #[error("this machine draws another `{tensor}` from the seed than the golden set `{set}` recorded")]
    OtherWeights {
        /// The set.
        set: String,
        /// The first tensor that differs.
        tensor: String,
    },
    /// The file of weights cannot be written.
    #[error("the weights cannot be written: {source}")]
    WeightsNotWritten {
        /// The reason.
        source: Box<WeightsError>,
    },
    /// The trainer could not take a step of a set's recipe.
    #[error("the golden set `{set}` cannot be replayed: {source}")]
    Train {
        /// The set.
        set: String,
        /// Why.
        source: TrainError,
    },
    /// A set's state is not that of its model.
    #[error("the golden set `{set}` cannot be replayed: {source}")]
    State {
        /// The set.
        set: String,
        /// Why.
        source: StateError,
    },
    /// A set lacks an input that its replay needs.
    #[error("the golden set `{set}` has no usable input `{input}`: {reason}")]
    Input {
        /// The set.
        set: String,
        /// The tensor.
        input: String,
        /// The defect of the input.
        reason: String,
    },
    /// A tensor could not be compared at all.
    #[error("{0}")]
    Judge(#[from] JudgeError),
    /// A collective failed.
    #[error("{0}")]
    Group(#[from] GroupError),
    /// The device failed in the middle of a replay.
    #[error("{device} failed{}: {message}", after.as_ref().map_or_else(String::new, |name| format!(" after `{name}`")))]
    Device {
        /// The device.
        device: String,
        /// The last tensor that was shown before.
        after: Option<String>,
        /// What libtorch, or the device's maker, said.
        message: String,
    },
    /// The trainer could not take a step outside of any golden set.
    #[error("a training step on several ranks failed: {0}")]
    Steps(TrainError),
    /// The ranks that a suite needs are not available.
    #[error("{0}")]
    Ranks(#[from] RanksError),
    /// A training run could not be judged.
    #[error("{0}")]
    Trajectory(Box<crate::trajectory::Failure>),
    /// A training could not be measured.
    #[error("{0}")]
    Performance(Box<crate::performance::Failure>),
    /// A temporary folder cannot be used.
    #[error("no temporary file can be written: {0}")]
    Scratch(io::Error),
    /// A signal ended the ranks that a suite had started. It was for this process too.
    #[error("the run was ended by signal {signal}")]
    Signal {
        /// Its number.
        signal: i32,
    },
    /// A reporter failed.
    #[error("the results could not be shown: {0}")]
    Report(#[from] io::Error),
}

impl From<crate::trajectory::Failure> for SuiteError {
    fn from(failure: crate::trajectory::Failure) -> Self {
        Self::Trajectory(Box::new(failure))
    }
}

impl From<crate::performance::Failure> for SuiteError {
    fn from(failure: crate::performance::Failure) -> Self {
        Self::Performance(Box::new(failure))
    }
}

impl Hint for SuiteError {
    fn hints(&self) -> Hints {
        let hint = match self {
            Self::Set(error) => return error.hints(),
            Self::Damaged { problems, .. } => return problems.hints(),
            Self::PatchedGolden { .. } => "judge it as a candidate; a golden set wants the reference's own code",
            Self::NoCandidate(_) => {
                "give a folder that `golden/export/record.py` has written, or one with several of them"
            }
            Self::Dump(error) => return error.hints(),
            Self::DumpOfWhat(_) => "name the set of its pass: `--golden golden/sets/micro`",
            Self::DumpWithoutElements(dump) => {
                let dump = dump.display();
                return format!("`golden msprobe {dump} --set SET` says what its statistics or checksums tell").into();
            }
            Self::TwoCandidates { .. } => "judge them by two runs",
            Self::NoSet { .. } | Self::NothingFor { .. } => {
                "`golden list` shows what there is; `--golden DIR` names another place"
            }
            Self::NothingToReduce { .. } => "run it by itself: `run --suite reduce-op`",
            Self::OtherStart { .. } => "record it again with `--inputs-from` that set",
            Self::Recipe(error) => return error.hints(),
            Self::NothingToJudge { .. } => "record it with `--precision fp32` or `--precision bf16`",
            Self::Config { .. } | Self::Train { .. } => {
                "leave it out with `--golden DIR`, or record it from another recipe"
            }
            Self::Intermediate { .. } => "record it again with blocks that its network has",
            Self::NoWeights { .. } => "`golden list` shows the other sets",
            Self::OtherWeights { .. } => {
                "write the file on a machine with the recording's instruction set (`golden show` names it), and carry it"
            }
            Self::WeightsNotWritten { .. } => "give another --out FILE",
            Self::NoSteps { .. } | Self::State { .. } | Self::Input { .. } => "record it again (golden/README.md)",
            Self::Judge(error) => return error.hints(),
            Self::Group(error) => return error.hints(),
            Self::Device { message, .. } if message.contains("out of memory") => {
                "see whether another process holds the device's memory; `--golden DIR` runs a smaller set"
            }
            Self::Device { .. } => {
                "see the log of the device's driver; the same set with `--device cpu` shows whether the trainer is at fault"
            }
            Self::Steps(_) => "see whether `run --suite training` passes",
            Self::Ranks(error) => return error.hints(),
            Self::Trajectory(error) => return error.hints(),
            Self::Performance(error) => return error.hints(),
            Self::Scratch(_) => "see whether the disk is full; TMPDIR names another folder",
            Self::Signal { .. } => "start it again; what was judged before is in the report",
            Self::Report(_) => "see where the output is redirected to, and whether that disk is full",
        };
        hint.into()
    }
}

impl SuiteError {
    /// Whether it is about one golden set or one candidate, so that others can be judged.
    pub fn is_about_a_set(&self) -> bool {
        matches!(
            self,
            Self::Set(_)
                | Self::Damaged { .. }
                | Self::NoSet { .. }
                | Self::OtherStart { .. }
                | Self::PatchedGolden { .. }
                | Self::Recipe(_)
                | Self::NothingToJudge { .. }
                | Self::Config { .. }
                | Self::Intermediate { .. }
                | Self::NoSteps { .. }
                | Self::Train { .. }
                | Self::State { .. }
                | Self::Input { .. }
                | Self::Judge(_)
        )
    }

    /// Whether the suite has nothing to do. A group may run on sets that are for one of its members only.
    pub fn is_idle(&self) -> bool {
        matches!(self, Self::NothingFor { .. } | Self::NothingToReduce { .. })
    }

    /// [`SuiteError::Input`] of `set`.
    pub(crate) fn input(set: &GoldenSet, input: impl Into<String>, reason: impl ToString) -> Self {
        Self::Input { set: set.manifest().name.clone(), input: input.into(), reason: reason.to_string() }
    }
}

fn listed(roots: &[PathBuf]) -> String {
    roots.iter().map(|root| root.display().to_string()).collect::<Vec<_>>().join(", ")
}
