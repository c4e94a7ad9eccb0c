//! A state that does not fit.

use dinov3_ground::{Hint, Hints};
use tch::Kind;
use thiserror::Error;

/// Why a state cannot be taken.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StateError {
    /// A tensor or a value is not there.
    #[error("the state has no `{0}`")]
    Missing(String),
    /// A tensor has another shape.
    #[error("`{name}` of the state is {found:?}, the model's is {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape in the state.
        found: Vec<i64>,
        /// Its shape in the model.
        expected: Vec<i64>,
    },
    /// A tensor has another dtype.
    #[error("`{name}` of the state is {found:?}, the model's is {expected:?}")]
    Kind {
        /// The tensor.
        name: String,
        /// Its dtype in the state.
        found: Kind,
        /// Its dtype in the model.
        expected: Kind,
    },
    /// No rank has saved these rows.
    #[error("the state lacks rows {first} to {end} of `{name}`, the last one excluded")]
    Rows {
        /// The tensor.
        name: String,
        /// The first row that is missing.
        first: i64,
        /// The row after the last one that is wanted.
        end: i64,
    },
    /// A value is of another type.
    #[error("`{key}` of the state cannot be used: {reason}")]
    Value {
        /// The key.
        key: String,
        /// Why.
        reason: String,
    },
    /// The state is one of another run.
    #[error("the state was saved with another config: {}", differences.join("; "))]
    Config {
        /// What differs, a key each.
        differences: Vec<String>,
    },
    /// Distillation goes on from another frozen teacher.
    #[error("the state was saved with another frozen teacher than the one that the config loads")]
    FrozenTeacher,
    /// A rank is gone.
    #[error("ranks cannot agree on a state: {0}")]
    Ranks(String),
    /// A file cannot be read any more.
    #[error("`{name}` of the state cannot be read: {reason}")]
    Read {
        /// The tensor.
        name: String,
        /// Why.
        reason: String,
    },
}

impl Hint for StateError {
    fn hints(&self) -> Hints {
        match self {
            Self::Config { .. } => "resume with the config of the run that was saved".into(),
            Self::FrozenTeacher => {
                "give the frozen teacher of the run that was saved, by `distillation.checkpoint_path` or the seed"
                    .into()
            }
            Self::Ranks(_) => Hints::none(),
            Self::Read { .. } => "see whether the checkpoint's folder is still there".into(),
            Self::Missing(_) | Self::Shape { .. } | Self::Kind { .. } | Self::Rows { .. } | Self::Value { .. } => {
                "resume with the config, the ranks and the version of this program that have saved the state".into()
            }
        }
    }
}
