//! The text of an error for the user: problem, details, hints.

use std::error::Error;
use std::io::Write;

use owo_colors::OwoColorize;

use super::{Hint, Hints};

/// Writes the error to standard error, in colour if that is a terminal: `error:`, then the same text as [`text`].
pub fn show(error: &dyn Hint) {
    write(&format!("{} {}\n", "error:".red().bold(), what(error).join("\n")));
    show_hints(&error.hints());
}

/// Shows what to do, after something that has been shown already, a line each.
pub fn show_hints(hints: &Hints) {
    hints.iter().for_each(|hint| write(&format!("{} {hint}\n", "hint:".cyan())));
}

fn write(text: &str) {
    // A closed standard error is ignored: the exit code still reports the failure.
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// The error without colour: its message, then causes and details on one indented line each, then its hints, each after
/// `hint: `.
pub fn text(error: &dyn Hint) -> String {
    let mut lines = what(error);
    lines.extend(error.hints().iter().map(|hint| format!("hint: {hint}")));
    lines.join("\n")
}

fn what(error: &dyn Hint) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut next: Option<&dyn Error> = Some(error);
    while let Some(cause) = next {
        let message = cause.to_string();
        // Many messages end with the message of their cause; such a cause is not repeated.
        let said = lines.join("\n");
        for line in message.lines().filter(|line| !line.trim().is_empty()) {
            debug_assert!(!line.starts_with("hint:"), "a hint within a message: {message}");
            if !said.contains(line) {
                let indent = if lines.is_empty() || line.starts_with(' ') { "" } else { "  " };
                lines.push(format!("{indent}{line}"));
            }
        }
        next = cause.source();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hint::Words;

    #[test]
    fn details_are_indented_and_hints_come_last() {
        let full = Words::new("disk is full").hint("make room");
        let error = Words::new("the report was not written:\na detail\n  another").because(full);
        insta::assert_snapshot!(text(&error), @"
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
        let full = Words::new("no space").hint("make room");
        let error = Words::new("cannot write: no space\nseed: 10\nseed: 1").hint("make room").because(full);
        insta::assert_snapshot!(text(&error), @"
        cannot write: no space
          seed: 10
          seed: 1
        hint: make room
        ");
    }
}
