//! The rules of a gate as they are typed: `fps>=0.97x, loss<=1.001x, precision=pass`.

use std::fmt;
use std::str::FromStr;

use super::GateError;

/// What is asked for if nothing else is.
pub const DEFAULT: &str = "fps>=0.97x, loss<=1.001x, precision=pass";

/// All rules of a gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules(pub Vec<Rule>);

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// As it was typed.
    pub text: String,
    /// What it asks.
    pub what: What,
}

/// What a rule asks.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A suite, or a group of suites, passes.
    Passes(String),
    /// A figure is within a limit.
    Figure {
        /// The figure's key.
        key: String,
        /// In which direction.
        op: Op,
        /// The limit.
        limit: f64,
        /// The limit is a multiple of the baseline's figure.
        relative: bool,
    },
}

/// The direction of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// The figure is the limit or more.
    AtLeast,
    /// The figure is the limit or less.
    AtMost,
}

impl Default for Rules {
    fn default() -> Self {
        Self(DEFAULT.split(',').filter_map(|rule| rule.trim().parse().ok()).collect())
    }
}

impl FromStr for Rules {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Self, GateError> {
        text.split(',').map(|rule| rule.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Rule {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Self, GateError> {
        let wrong = || GateError::Rule { rule: text.to_owned() };
        let split = |op: &str| text.split_once(op).map(|(name, limit)| (name.trim(), limit.trim()));
        let what = if let Some((name, limit)) = split(">=") {
            figure(name, Op::AtLeast, limit).ok_or_else(wrong)?
        } else if let Some((name, limit)) = split("<=") {
            figure(name, Op::AtMost, limit).ok_or_else(wrong)?
        } else {
            match split("=") {
                Some((name, "pass")) if is_name(name) => What::Passes(name.to_owned()),
                _ => return Err(wrong()),
            }
        };
        Ok(Self { text: text.to_owned(), what })
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

/// The keys that have a shorter name.
fn key(name: &str) -> &str {
    match name {
        "fps" => "fps_median",
        "loss" => "final_loss",
        other => other,
    }
}

fn figure(name: &str, op: Op, limit: &str) -> Option<What> {
    let (digits, relative) = limit.strip_suffix('x').map_or((limit, false), |digits| (digits, true));
    let limit: f64 = digits.parse().ok().filter(|limit: &f64| limit.is_finite())?;
    let fits = is_name(name) && (!relative || limit > 0.0);
    fits.then(|| What::Figure { key: key(name).to_owned(), op, limit, relative })
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AtLeast => "at least",
            Self::AtMost => "at most",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_as_they_are_typed() {
        let rules = Rules::default().0;
        assert_eq!(rules.len(), 3, "the default is a gate of three rules");
        let figure = |key: &str, op, limit, relative| What::Figure { key: key.to_owned(), op, limit, relative };
        assert_eq!(rules[0].what, figure("fps_median", Op::AtLeast, 0.97, true));
        assert_eq!(rules[1].what, figure("final_loss", Op::AtMost, 1.001, true));
        assert_eq!(rules[2].what, What::Passes("precision".to_owned()));
        let absolute: Rules = "step_p95 <= 1.4".parse().unwrap();
        assert_eq!(absolute.0[0].what, figure("step_p95", Op::AtMost, 1.4, false));
    }

    #[test]
    fn what_is_no_rule_is_refused_by_its_text() {
        for text in
            ["", "fps", "fps>0.97", "fps>=x", "fps>=-1x", "fps>=nanx", "precision=fail", "a b>=1", "fps>=0.97x,"]
        {
            assert!(text.parse::<Rules>().is_err(), "{text}");
        }
    }
}
