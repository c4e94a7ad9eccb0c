//! One check: what was looked at, the verdict, and what went wrong.

use crate::number;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The outcome of one thing that a suite set out to prove.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Stable name, unique in the run, for example `layers/micro/fp32/forward`. Allowances and JUnit use it.
    pub id: String,
    /// What is checked, in words.
    pub title: String,
    /// Whether it holds.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The measured figure that decided the verdict, where there is one.
    pub figure: Option<Quantity>,
    /// The limit that the figure was held against.
    pub limit: Option<Quantity>,
    /// One line for the terminal and the summary table.
    pub summary: String,
    /// What went wrong, in order; the first is the first divergence.
    pub findings: Vec<Finding>,
    /// Wall-clock time, in seconds.
    #[serde(with = "number::float")]
    pub seconds: f64,
}

impl Check {
    /// A check without figure, limit or findings, of duration zero: set those fields where they apply.
    pub fn new(id: impl Into<String>, title: impl Into<String>, verdict: Verdict, summary: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            verdict,
            figure: None,
            limit: None,
            summary: summary.into(),
            findings: Vec::new(),
            seconds: 0.0,
        }
    }

    /// The one line that says how it went: the summary of a check that ran, the reason of one that could not count.
    pub fn line(&self) -> &str {
        match &self.verdict {
            Verdict::Skipped { reason } | Verdict::Vacuous { reason } => reason,
            Verdict::Fail { reason } if self.summary.is_empty() => reason,
            Verdict::Pass | Verdict::Fail { .. } => &self.summary,
        }
    }
}

/// Whether a check holds. In JSON the key `verdict` carries the name, and `reason` stands beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// It was checked and it holds.
    Pass,
    /// It was checked and it does not hold.
    Fail {
        /// Why, in one line.
        reason: String,
    },
    /// It was not checked.
    Skipped {
        /// Why not, in one line.
        reason: String,
    },
    /// It was checked, but here it could not have failed, so its passing says nothing.
    Vacuous {
        /// Why it could not have failed, in one line.
        reason: String,
    },
}

impl Verdict {
    /// The name of the verdict as JSON has it: `pass`, `fail`, `skipped` or `vacuous`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail { .. } => "fail",
            Self::Skipped { .. } => "skipped",
            Self::Vacuous { .. } => "vacuous",
        }
    }

    /// The reason, which every verdict but a pass has.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Pass => None,
            Self::Fail { reason } | Self::Skipped { reason } | Self::Vacuous { reason } => Some(reason),
        }
    }
}

/// A number and its unit. Shown as `3.21e-7 relative l2`, or the number alone where the unit is empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// The number; need not be finite.
    #[serde(with = "number::float")]
    pub value: f64,
    /// The unit, or what the number is; may be empty.
    pub unit: String,
}

impl Quantity {
    /// `value` in `unit`.
    pub fn new(value: f64, unit: impl Into<String>) -> Self {
        Self { value, unit: unit.into() }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&number::figure(self.value))?;
        match self.unit.as_str() {
            "" => Ok(()),
            unit => write!(formatter, " {unit}"),
        }
    }
}

/// One thing that went wrong in a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about: the name of a tensor, mostly.
    pub subject: String,
    /// What is wrong with it.
    pub text: String,
    /// What to look at or to do next.
    pub hint: Option<String>,
}

impl Finding {
    /// A finding without a hint.
    pub fn new(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { subject: subject.into(), text: text.into(), hint: None }
    }

    /// The same finding with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_without_unit_ends_with_its_number() {
        assert_eq!(Quantity::new(0.25, "").to_string(), "0.25");
        assert_eq!(Quantity::new(f64::NAN, "x the yardstick").to_string(), "NaN x the yardstick");
    }

    #[test]
    fn the_line_of_a_check_is_never_the_wrong_text() {
        let reason = || "why".to_owned();
        let line = |verdict, summary: &str| Check::new("a", "b", verdict, summary).line().to_owned();
        assert_eq!(line(Verdict::Pass, "sum"), "sum");
        assert_eq!(line(Verdict::Fail { reason: reason() }, "sum"), "sum");
        assert_eq!(line(Verdict::Fail { reason: reason() }, ""), "why");
        assert_eq!(line(Verdict::Skipped { reason: reason() }, "sum"), "why");
        assert_eq!(line(Verdict::Vacuous { reason: reason() }, "sum"), "why");
    }
}
