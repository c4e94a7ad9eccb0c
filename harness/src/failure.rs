//! Errors as the user sees them: what is wrong, why, what to do.

use anyhow::Error;
use thiserror::Error as ThisError;

/// The environment lacks something: exit code 3, not 2.
#[derive(Debug, ThisError)]
#[error("{0}")]
pub struct EnvironmentFailure(pub String);

/// The error, its causes a line each, and its `hint:` line last.
pub fn describe(error: &Error) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut hints: Vec<String> = Vec::new();
    for cause in error.chain() {
        for line in cause.to_string().lines() {
            let known = if line.starts_with("hint: ") { &mut hints } else { &mut lines };
            if !known.iter().any(|seen| seen.contains(line)) {
                known.push(line.to_owned());
            }
        }
    }
    lines.extend(hints);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_comes_last() {
        let error = anyhow::anyhow!("disk is full\nhint: make room").context("the report was not written");
        assert_eq!(describe(&error), "the report was not written\ndisk is full\nhint: make room");
    }
}
