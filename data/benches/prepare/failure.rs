//! How the benchmark ends when it has no figures: exit code, message, hint.

use std::process::ExitCode;

/// The two sides do not write the same, or one of them failed.
pub const FAILED: u8 = 1;
/// Wrong usage or input.
pub const USAGE: u8 = 2;
/// The environment lacks something.
pub const ENVIRONMENT: u8 = 3;

/// The end of a benchmark that has no figures.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: Option<String>,
    hint: String,
}

impl Failure {
    /// With one of the exit codes above.
    pub fn new(code: u8, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()), hint: hint.into() }
    }

    /// A process that was started has said on standard error what is wrong.
    pub fn said(code: u8) -> Self {
        Self { code, message: None, hint: String::new() }
    }

    /// Prints it on standard error and gives the exit code.
    pub fn report(&self) -> ExitCode {
        if let Some(message) = &self.message {
            eprintln!("error: {message}\nhint: {}", self.hint);
        }
        ExitCode::from(self.code)
    }
}
