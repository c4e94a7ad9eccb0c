//! The reasons why a config cannot be used.

use dinov3_ground::{Hint, Hints};
use thiserror::Error;

/// The reason why a config cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// A key that is read is not there.
    #[error("the config is not a merged DINOv3 config: `{key}` is missing")]
    Missing {
        /// The key.
        key: String,
    },
    /// A key has a value of the wrong kind or out of range.
    #[error("`{key}: {given}` cannot be used: {reason}")]
    Value {
        /// The key.
        key: String,
        /// Its value, as JSON.
        given: String,
        /// The expected kind or range.
        reason: String,
    },
    /// `student.arch` is not the name of a builder.
    #[error("`student.arch` is `{given}`; known are {known}")]
    UnknownArch {
        /// The value in the config.
        given: String,
        /// The names of all sizes.
        known: String,
    },
    /// This trainer or the reference cannot honour an option.
    #[error("`{option}` cannot be used: {reason}")]
    Unsupported {
        /// The key.
        option: &'static str,
        /// The reason.
        reason: String,
    },
    /// Several of these, one a line.
    #[error("{}", lines(.0))]
    Several(Vec<ConfigError>),
}

fn lines(errors: &[ConfigError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Config errors have no hints of their own: the remedy depends on the source of the config, and the caller knows it.
impl Hint for ConfigError {
    fn hints(&self) -> Hints {
        Hints::none()
    }
}

impl ConfigError {
    /// The key that the error is about; the first of several.
    pub fn key(&self) -> &str {
        match self {
            Self::Missing { key } | Self::Value { key, .. } => key,
            Self::UnknownArch { .. } => "student.arch",
            Self::Unsupported { option, .. } => option,
            Self::Several(errors) => errors.first().map_or("", Self::key),
        }
    }
}

pub(crate) fn unsupported(option: &'static str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Unsupported { option, reason: reason.into() }
}

/// The errors of a config, of which each key has one.
#[derive(Debug, Default)]
pub(crate) struct Errors(Vec<ConfigError>);

impl Errors {
    /// Adds an error, unless its key has one.
    pub fn add(&mut self, error: ConfigError) {
        match error {
            ConfigError::Several(errors) => errors.into_iter().for_each(|error| self.add(error)),
            error if self.0.iter().any(|known| known.key() == error.key()) => {}
            error => self.0.push(error),
        }
    }

    /// The value of a result; its error is added.
    pub fn take<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// Fails if there is an error.
    pub fn check(mut self) -> Result<(), ConfigError> {
        match self.0.len() {
            0 => Ok(()),
            1 => Err(self.0.remove(0)),
            _ => Err(ConfigError::Several(self.0)),
        }
    }
}
