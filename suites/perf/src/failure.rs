//! How a benchmark ends that has no figures: exit code, message, hint.

use std::process::ExitCode;

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
    message: Option<String>,
    hint: String,
}

impl Failure {
    /// A failure with one of the exit codes above.
    pub fn new(code: u8, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()), hint: hint.into() }
    }

    /// The failure of a process that has said on standard error what is wrong.
    pub(crate) fn said(code: u8) -> Self {
        Self { code, message: None, hint: String::new() }
    }

    /// Prints what is wrong on standard error and gives the exit code; 0 where nothing is.
    pub fn exit_code(result: Result<(), Self>) -> ExitCode {
        let Err(failure) = result else { return ExitCode::SUCCESS };
        if let Some(message) = &failure.message {
            eprintln!("error: {message}");
            if !failure.hint.is_empty() {
                eprintln!("hint: {}", failure.hint);
            }
        }
        ExitCode::from(failure.code)
    }

    #[cfg(test)]
    pub(crate) fn parts(&self) -> (u8, Option<&str>, &str) {
        (self.code, self.message.as_deref(), &self.hint)
    }
}
