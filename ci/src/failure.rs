//! How a task ends when it does not succeed: exit code, message, hint.

use std::fmt;
use std::process::ExitCode;

/// A check did not pass.
pub const CHECK_FAILED: u8 = 1;
/// Wrong usage; clap ends the process with this code by itself.
pub const USAGE: u8 = 2;
/// The environment lacks something, or what is in it does not build.
pub const ENVIRONMENT: u8 = 3;

/// The end of a task that did not succeed.
#[derive(Debug)]
pub struct Failure {
    /// Exit code of the process.
    pub code: u8,
    /// What is wrong; `None` when a tool's own output, just above, has said it.
    pub message: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A check did not pass, and the tool that found out has printed why.
    pub fn check(message: &str, hint: &str) -> Self {
        Self { code: CHECK_FAILED, message: Some(message.to_owned()), hint: Some(hint.to_owned()) }
    }

    /// A check did not pass, and the tool's own summary must stay the last output.
    pub fn check_said_by_tool() -> Self {
        Self { code: CHECK_FAILED, message: None, hint: None }
    }

    /// Wrong usage that clap cannot know.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: USAGE, message: Some(message.into()), hint: Some(hint.into()) }
    }

    /// The environment lacks something.
    pub fn environment(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: ENVIRONMENT, message: Some(message.into()), hint: Some(hint.into()) }
    }

    /// Prints the failure on stderr and gives the process's exit code.
    pub fn report(&self) -> ExitCode {
        eprint!("{self}");
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(message) = &self.message {
            writeln!(formatter, "error: {message}")?;
        }
        if let Some(hint) = &self.hint {
            writeln!(formatter, "hint: {hint}")?;
        }
        Ok(())
    }
}

impl From<crate::libtorch::Error> for Failure {
    fn from(error: crate::libtorch::Error) -> Self {
        Self::environment(error.to_string(), error.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_as_message_and_hint() {
        let failure = Failure::check("clippy has found something", "see above");
        assert_eq!(failure.to_string(), "error: clippy has found something\nhint: see above\n");
        assert_eq!(failure.code, CHECK_FAILED);
    }

    #[test]
    fn nothing_is_printed_after_a_test_runner_s_summary() {
        let failure = Failure::check_said_by_tool();
        assert_eq!(failure.to_string(), "");
        assert_eq!(failure.code, CHECK_FAILED);
    }

    #[test]
    fn libtorch_errors_are_the_environment_s() {
        let failure = Failure::from(crate::libtorch::Error::NoCacheFolder);
        assert_eq!(failure.code, ENVIRONMENT);
        assert!(failure.hint.is_some());
    }
}
