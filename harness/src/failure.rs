//! Errors as the user sees them: what is wrong, the details, what to do.

use std::io::Write;

use anyhow::Error;
use dinov3_ranks::{Failure, GroupError};
use dinov3_reports::exit;
use dinov3_suites::SuiteError;
use dinov3_suites::reduce_op::RanksError;
use owo_colors::OwoColorize;
use thiserror::Error as ThisError;

/// Begins a line that says what to do.
const HINT: &str = "hint: ";

/// The environment lacks something: exit code 3, not 2.
#[derive(Debug, ThisError)]
#[error("{0}")]
pub struct EnvironmentFailure(pub String);

/// Which exit code the error means.
pub fn exit_code(error: &Error) -> i32 {
    let of_a_suite = error.downcast_ref().and_then(|it| if let SuiteError::Group(it) = it { Some(it) } else { None });
    let of_a_group = error.downcast_ref().or(of_a_suite).map(|it: &GroupError| &it.failure);
    match of_a_group {
        Some(failure) if failure.is_of_others() => exit::PEER,
        // A backend that refuses, of which the arguments knew nothing.
        Some(Failure::Backend { .. }) => exit::ENVIRONMENT,
        _ if lacks_devices(error) => exit::ENVIRONMENT,
        _ if error.is::<EnvironmentFailure>() => exit::ENVIRONMENT,
        _ => exit::USAGE,
    }
}

/// Whether there is no device for ranks that a suite would start.
fn lacks_devices(error: &Error) -> bool {
    let devices = |it: &RanksError| matches!(it, RanksError::Plugin(_) | RanksError::NoDevice { .. });
    matches!(error.downcast_ref(), Some(SuiteError::Ranks(it)) if devices(it))
}

/// Shows the error on standard error.
pub fn show(error: &Error) {
    let mut text = format!("{} ", "error:".red().bold());
    for line in describe(error).lines() {
        match line.strip_prefix(HINT) {
            Some(hint) => text += &format!("{} {hint}\n", HINT.trim_end().cyan()),
            None => text += &format!("{line}\n"),
        }
    }
    // Where standard error is closed there is nobody left to tell; the exit code still says it.
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// The error, its causes and details an indented line each, and its hints last.
fn describe(error: &Error) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut hints: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Many an error's message ends in its cause's: that one is not said again.
        let said = lines.join("\n");
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if line.starts_with(HINT) {
                if !hints.iter().any(|hint| hint == line) {
                    hints.push(line.to_owned());
                }
            } else if !said.contains(line) {
                let indent = if lines.is_empty() || line.starts_with(' ') { "" } else { "  " };
                lines.push(format!("{indent}{line}"));
            }
        }
    }
    lines.extend(hints);
    lines.join("\n")
}

/// What clap says of wrong arguments, in the form of all other errors.
pub fn usage(error: &clap::Error) -> Error {
    let text = error.render().to_string();
    let lines =
        text.lines().map(|line| match (line.strip_prefix("error: "), line.trim_start().strip_prefix("tip: ")) {
            (Some(what), _) => what.to_owned(),
            (_, Some(tip)) => format!("{HINT}{tip}"),
            _ => line.replace("For more information, try '--help'.", "hint: `--help` says what can be given"),
        });
    Error::msg(lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn details_are_indented_and_hints_come_last() {
        let error =
            anyhow!("disk is full\nhint: make room").context("the report was not written:\na detail\n  another");
        insta::assert_snapshot!(describe(&error), @"
        the report was not written:
          a detail
          another
          disk is full
        hint: make room
        ");
    }

    #[test]
    fn nothing_is_said_twice_and_no_detail_is_lost() {
        // `seed: 1` is part of the line before it, and still a detail of its own.
        let error =
            anyhow!("no space\nhint: make room").context("cannot write: no space\nseed: 10\nseed: 1\nhint: make room");
        insta::assert_snapshot!(describe(&error), @"
        cannot write: no space
          seed: 10
          seed: 1
        hint: make room
        ");
    }
}
