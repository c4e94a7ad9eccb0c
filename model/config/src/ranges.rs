//! The range of every number in a config: what the reference's arithmetic can take, and where that has no end, a limit of
//! this harness far beyond any config that was published.

mod table;

use std::fmt;

use serde_json::Value;

use crate::error::{ConfigError, Errors};
use crate::merge::is_missing;
use crate::read::{at, holds};

pub use table::MOST_ITERATIONS;

/// The range of a number, or of each number in a list.
#[derive(Clone, Copy, Debug)]
struct Range {
    key: &'static str,
    /// The smallest value.
    least: f64,
    /// Whether the smallest value itself is outside.
    above: bool,
    /// The largest value; infinite for none.
    most: f64,
    /// The reason.
    why: &'static str,
    /// Whether the reference reads the number in this config.
    read: Read,
}

/// The configs in which the reference reads a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// All.
    Always,
    /// Those without `schedules`.
    V1,
    /// Those with `schedules`.
    V2,
    /// Those in which a key holds.
    With(&'static str),
}

impl Read {
    fn holds(self, config: &Value) -> bool {
        match self {
            Self::Always => true,
            Self::V1 => !has_schedules(config),
            Self::V2 => has_schedules(config),
            Self::With(key) => holds(config, key),
        }
    }
}

/// Whether the config has `schedules`. For OmegaConf a key with the value null is there, and one with `???` is not.
pub fn has_schedules(config: &Value) -> bool {
    config.get("schedules").is_some_and(|schedules| !is_missing(schedules))
}

impl Range {
    fn holds(&self, number: f64) -> bool {
        number <= self.most && if self.above { number > self.least } else { number >= self.least }
    }
}

/// The range in words.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { above, why, .. } = self;
        let (least, most) = (shown(self.least), shown(self.most));
        match (above, self.most.is_finite(), self.least.is_finite()) {
            (true, false, _) => write!(f, "expected a number above {least}: {why}"),
            (true, true, _) => write!(f, "expected a number above {least} and at most {most}: {why}"),
            (false, false, _) => write!(f, "expected at least {least}: {why}"),
            (false, true, true) => write!(f, "expected {least} to {most}: {why}"),
            (false, true, false) => write!(f, "expected at most {most}: {why}"),
        }
    }
}

/// A bound; large ones with an exponent.
fn shown(bound: f64) -> String {
    if bound.abs() < 1e15 { bound.to_string() } else { format!("{bound:.1e}") }
}

/// Checks every number that the reference reads in this config.
pub(crate) fn check(config: &Value, errors: &mut Errors) {
    check_of(config, &[""], errors);
}

/// Checks the numbers whose keys begin with one of these texts.
pub(crate) fn check_of(config: &Value, beginnings: &[&str], errors: &mut Errors) {
    let begins = |range: &&Range| beginnings.iter().any(|beginning| range.key.starts_with(beginning));
    for range in table::RANGES.iter().filter(begins).filter(|range| range.read.holds(config)) {
        let value = at(config, range.key).unwrap_or(&Value::Null);
        let numbers = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        if let Some(number) = numbers.iter().find(|number| number.as_f64().is_some_and(|number| !range.holds(number))) {
            let (key, given) = (range.key.to_owned(), number.to_string());
            errors.add(ConfigError::Value { key, given, reason: range.to_string() });
        }
    }
}

/// Whether the table has a range for a key.
#[cfg(test)]
pub(crate) fn has(key: &str) -> bool {
    table::RANGES.iter().any(|range| range.key == key)
}

#[cfg(test)]
mod tests;
