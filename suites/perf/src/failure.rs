//! How a benchmark ends that has no figures: exit code, message, hint.

use std::process::ExitCode;

use dinov3_ground::hint::show;
use dinov3_ground::{AnyError, Hints, Words};

/// The two sides do not do the same, or one of them failed.
pub const FAILED: u8 = 1;
/// Wrong usage or input.
pub const USAGE: u8 = 2;
/// The environment lacks something.
pub const ENVIRONMENT: u8 = 3;

/// The end of a benchmark that has no figures. `exit_code` prints it.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    /// `None` where a process that was started has said on standard error what is wrong.
    error: Option<AnyError>,
}

impl Failure {
    /// A failure with one of the exit codes above.
    pub fn new(code: u8, message: impl Into<String>, hint: impl Into<Hints>) -> Self {
        Self::of(code, Words::new(message).hint(hint))
    }

    /// An error, with one of the exit codes above.
    pub fn of(code: u8, error: impl Into<AnyError>) -> Self {
        Self { code, error: Some(error.into()) }
    }

    /// The failure of a process that has said on standard error what is wrong.
    pub(crate) fn said(code: u8) -> Self {
        Self { code, error: None }
    }

    /// Shows what is wrong on standard error and gives the exit code; 0 where nothing is.
    pub fn exit_code(result: Result<(), Self>) -> ExitCode {
        let Err(failure) = result else { return ExitCode::SUCCESS };
        if let Some(error) = &failure.error {
            show(error.as_hint());
        }
        ExitCode::from(failure.code)
    }

    #[cfg(test)]
    pub(crate) fn parts(&self) -> (u8, Option<String>, String) {
        let hints = self.error.as_ref().map(|error| error.as_hint().hints().to_string());
        (self.code, self.error.as_ref().map(ToString::to_string), hints.unwrap_or_default())
    }
}
