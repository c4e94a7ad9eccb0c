//! How a task ends when it does not succeed: exit code, message, hint.

use std::process::ExitCode;

use dinov3_ground::hint::show;
use dinov3_ground::{AnyError, Hints, Words};

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
    /// What is wrong, and what to do; `None` when a tool's own output, just above, has said it.
    pub error: Option<AnyError>,
}

impl Failure {
    /// A check did not pass, and the tool that found out has printed why.
    pub fn check(message: &str, hint: &'static str) -> Self {
        Self { code: CHECK_FAILED, error: Some(Words::new(message).hint(hint).into()) }
    }

    /// A check did not pass, and the tool's own summary must stay the last output.
    pub fn check_said_by_tool() -> Self {
        Self { code: CHECK_FAILED, error: None }
    }

    /// Wrong usage that clap cannot know.
    pub fn usage(message: impl Into<String>, hint: impl Into<Hints>) -> Self {
        Self { code: USAGE, error: Some(Words::new(message).hint(hint).into()) }
    }

    /// The environment lacks something.
    pub fn environment(message: impl Into<String>, hint: impl Into<Hints>) -> Self {
        Self { code: ENVIRONMENT, error: Some(Words::new(message).hint(hint).into()) }
    }

    /// Prints the failure on stderr and gives the process's exit code.
    pub fn report(&self) -> ExitCode {
        if let Some(error) = &self.error {
            show(error.as_hint());
        }
        ExitCode::from(self.code)
    }
}

impl From<crate::libtorch::Error> for Failure {
    fn from(error: crate::libtorch::Error) -> Self {
        Self { code: ENVIRONMENT, error: Some(error.into()) }
    }
}

#[cfg(test)]
mod tests {
    use dinov3_ground::hint::text;

    use super::*;

    #[test]
    fn a_failure_reads_as_message_and_hint() {
        let failure = Failure::check("clippy has found something", "see above");
        let error = failure.error.expect("what is wrong is said");
        assert_eq!(text(error.as_hint()), "clippy has found something\nhint: see above");
        assert_eq!(failure.code, CHECK_FAILED);
    }

    #[test]
    fn nothing_is_printed_after_a_test_runner_s_summary() {
        let failure = Failure::check_said_by_tool();
        assert!(failure.error.is_none());
        assert_eq!(failure.code, CHECK_FAILED);
    }

    #[test]
    fn libtorch_errors_are_the_environment_s() {
        let failure = Failure::from(crate::libtorch::Error::NoCacheFolder);
        assert_eq!(failure.code, ENVIRONMENT);
        assert!(failure.error.is_some_and(|error| !error.as_hint().hints().is_empty()));
    }
}
