//! One check: what was looked at, the verdict, the figures, and what went wrong.

use crate::message::{Key, Precision};
use crate::{Message, Subject, Tensor, number, tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The outcome of one thing that a suite set out to prove.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// Stable name, unique in the run, for example `layers/micro/fp32`. Allowances and JUnit use it.
    pub id: String,
    /// What is checked, in words.
    pub title: Message,
    /// Whether it holds.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What it is held against, of a check against a golden set.
    pub golden: Option<Golden>,
    /// Whose tensors were judged, and how they came to be, where a check is about tensors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Box<Subject>>,
    /// One line for the terminal and the summary table.
    pub summary: Option<Message>,
    /// The measured figures; the first decided the verdict.
    pub figures: Vec<Figure>,
    /// What went wrong, in order; the first is the first divergence.
    pub findings: Vec<Finding>,
    /// Every tensor that was judged, in execution order; a line each in JSON.
    #[serde(with = "tensor::lines")]
    #[schemars(with = "Vec<Tensor>")]
    pub tensors: Vec<Tensor>,
    /// Wall-clock time, in seconds.
    #[serde(with = "number::float")]
    #[schemars(with = "number::Float")]
    pub seconds: f64,
}

impl Check {
    /// A check without summary, figures or findings, of duration zero: set those fields where they apply.
    pub fn new(id: impl Into<String>, title: impl Into<Message>, verdict: Verdict) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            verdict,
            golden: None,
            judged: None,
            summary: None,
            figures: Vec::new(),
            findings: Vec::new(),
            tensors: Vec::new(),
            seconds: 0.0,
        }
    }

    /// The one line that says how it went: the summary of a check that ran, the reason of one that could not count.
    pub fn line(&self) -> Option<&Message> {
        match &self.verdict {
            Verdict::Skipped { reason } | Verdict::Vacuous { reason } | Verdict::Error { reason } => Some(reason),
            Verdict::Fail { reason } => self.summary.as_ref().or(Some(reason)),
            Verdict::Pass => self.summary.as_ref(),
        }
    }
}

/// What tensors were held against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Golden {
    /// The golden set.
    pub set: String,
    /// At which precision.
    pub precision: Precision,
    /// SHA-256 of its manifest, which has the hashes of everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// The commit of the reference that it was recorded from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// Whether a check holds. In JSON the key `verdict` carries the name, and `reason` stands beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// It was checked and it holds.
    Pass,
    /// It was checked and it does not hold.
    Fail {
        /// Why, in one line.
        reason: Message,
    },
    /// It was not checked.
    Skipped {
        /// Why not, in one line.
        reason: Message,
    },
    /// It could not be checked: what it was given is damaged, or something else than it is said to be.
    Error {
        /// Why not, in one line.
        reason: Message,
    },
    /// It was checked, but here it could not have failed, so its passing says nothing.
    Vacuous {
        /// Why it could not have failed, in one line.
        reason: Message,
    },
}

impl Verdict {
    /// The name of the verdict as JSON has it: `pass`, `fail`, `skipped`, `error` or `vacuous`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail { .. } => "fail",
            Self::Skipped { .. } => "skipped",
            Self::Error { .. } => "error",
            Self::Vacuous { .. } => "vacuous",
        }
    }

    /// The reason, which every verdict but a pass has.
    pub fn reason(&self) -> Option<&Message> {
        match self {
            Self::Pass => None,
            Self::Fail { reason } | Self::Skipped { reason } | Self::Error { reason } | Self::Vacuous { reason } => {
                Some(reason)
            }
        }
    }
}

/// A measured number, and the limit that it was held against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// What it is, for programs: the same in all versions.
    pub key: String,
    /// What it is, for people.
    pub name: Message,
    /// The number; need not be finite.
    #[serde(with = "number::float")]
    #[schemars(with = "number::Float")]
    pub value: f64,
    /// Its unit; a number of things, or of times, has none.
    pub unit: Option<Message>,
    /// The largest value that passes, in the same unit; none where the figure decides nothing.
    pub limit: Option<number::Float>,
}

impl Figure {
    /// A figure without unit or limit.
    pub fn new(key: Key, value: f64) -> Self {
        Self { key: key.name().to_owned(), name: key.into(), value, unit: None, limit: None }
    }

    /// A figure that one suite alone has.
    pub fn own(key: &'static str, name: crate::Bilingual, value: f64) -> Self {
        Self { key: key.to_owned(), name: name.into(), value, unit: None, limit: None }
    }

    /// A figure whose name is a word of a vocabulary.
    pub fn named(key: &'static str, name: impl Into<Message>, value: f64) -> Self {
        Self { key: key.to_owned(), name: name.into(), value, unit: None, limit: None }
    }

    /// The same figure in this unit.
    #[must_use]
    pub fn in_unit(mut self, unit: impl Into<Message>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// The same figure, held against a limit.
    #[must_use]
    pub fn with_limit(mut self, limit: f64) -> Self {
        self.limit = Some(number::Float(limit));
        self
    }
}

/// One thing that went wrong in a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What it is about: the name of a tensor, mostly.
    pub subject: Message,
    /// What is wrong with it.
    pub text: Message,
    /// What to look at or to do next.
    pub hint: Option<Message>,
}

impl Finding {
    /// A finding without a hint.
    pub fn new(subject: impl Into<Message>, text: impl Into<Message>) -> Self {
        Self { subject: subject.into(), text: text.into(), hint: None }
    }

    /// The same finding with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Message>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_check_is_never_the_wrong_text() {
        let reason = || Message::name("why");
        let line = |verdict, summary: Option<&str>| {
            let check = Check { summary: summary.map(Message::name), ..Check::new("a", Message::name("b"), verdict) };
            check.line().map(ToString::to_string)
        };
        let (sum, why) = (Some("sum".to_owned()), Some("why".to_owned()));
        assert_eq!(line(Verdict::Pass, Some("sum")), sum);
        assert_eq!(line(Verdict::Pass, None), None);
        assert_eq!(line(Verdict::Fail { reason: reason() }, Some("sum")), sum);
        assert_eq!(line(Verdict::Fail { reason: reason() }, None), why);
        assert_eq!(line(Verdict::Skipped { reason: reason() }, Some("sum")), why);
        assert_eq!(line(Verdict::Vacuous { reason: reason() }, Some("sum")), why);
    }
}
