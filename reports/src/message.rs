//! What a result says, as data: a [`Message`] becomes a sentence only where it is rendered, in the language asked for.
//!
//! Each kind of message is an enum with one exhaustive `match` a language, so that a missing translation does not compile.
//! Names (of tensors, files, options) are arguments: each renderer quotes them in its own way, by a [`Pen`].

mod compared;
mod count;
mod coverage;
mod doctor;
mod gated;
mod judging;
mod label;
mod logged;
mod own;
mod page;
mod pen;
mod performance;
mod reason;
mod reduce;
mod remark;
mod run;
mod section;
mod tally;
mod trajectory;
mod vocabulary;

pub use compared::{Between, Compared, ComparedWord};
pub(crate) use count::Count;
pub use coverage::Coverage;
pub use doctor::*;
pub use gated::Gated;
pub use judging::{Backward, Judging};
pub(crate) use label::Label;
pub use label::{Heading, Key, Unit};
pub use logged::{LogRemark, Logged};
pub use own::{Explanation, Measure, OwnDefect};
pub(crate) use page::{Brief, Headline, Mode, Page};
pub use pen::Pen;
pub use performance::{Performance, Special};
pub use reason::{Circumstance, Difference, Reason};
pub use reduce::{Multiplies, Op, Reduce, Values};
pub use remark::{Damage, Remark};
pub use run::Run;
pub use section::{Network, Sections, Side};
pub use tally::Tally;
pub use trajectory::{Basis, Parted, RunCheck, RunWord, Steps, Trajectory};
pub use vocabulary::{Metric, Outcome, Precision, Stage};

use crate::Lang;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// Something that has a text in every language.
pub trait Say {
    /// In English.
    fn en(&self, pen: Pen) -> String;

    /// In Chinese.
    fn zh(&self, pen: Pen) -> String;

    /// In `lang`.
    fn say(&self, lang: Lang, pen: Pen) -> String {
        match lang {
            Lang::En => self.en(pen),
            Lang::Zh => self.zh(pen),
        }
    }
}

/// Something that a result says. In JSON `says` is the message and `en` its English text, which no program reads back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Written", into = "Written")]
#[schemars(with = "Written")]
pub struct Message(Words);

/// The JSON form of a message.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Message")]
struct Written {
    /// The English text, for a person who reads the file.
    en: String,
    /// What it says.
    says: Words,
}

impl From<Written> for Message {
    fn from(written: Written) -> Self {
        Self(written.says)
    }
}

impl From<Message> for Written {
    fn from(message: Message) -> Self {
        Self { en: message.to_string(), says: message.0 }
    }
}

/// All that can be said, by subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Words {
    /// A name that stands alone.
    Name(String),
    /// A text that is the same for all arguments.
    Both(Both),
    /// Of golden sets.
    Judging(Judging),
    /// Of what was not judged.
    Coverage(Coverage),
    /// Of sections of golden sets' suites.
    Section(Sections),
    /// Of reductions over ranks.
    Reduce(Reduce),
    /// Of the run itself.
    Run(Run),
    /// Of whole training runs.
    Trajectory(Box<Trajectory>),
    /// Of training logs, beside their figures.
    Logged(Logged),
    /// Of the speed of a training.
    Performance(Box<Performance>),
    /// Why a step does not count for the speed.
    Special(Special),
    /// A check of a training run.
    RunCheck(RunCheck),
    /// Fixed words of training runs.
    RunWord(RunWord),
    /// Of runs beside each other.
    Compared(Box<Compared>),
    /// Fixed words of runs beside each other.
    ComparedWord(ComparedWord),
    /// Of a run and its baseline, and of runs in a row.
    Gated(Gated),
    /// The head of a column.
    Heading(Heading),
    /// The name of a figure.
    Figure(Key),
    /// A unit.
    Unit(Unit),
    /// What became of a tensor.
    Outcome(Outcome),
    /// A part of the training step.
    Stage(Stage),
    /// A precision.
    Precision(Precision),
    /// What is measured of a tensor.
    Metric(Metric),
    /// A sentence of a report of schema 1.
    Verbatim(Verbatim),
}

/// The two texts of something without arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Both {
    /// English.
    english: Cow<'static, str>,
    /// Chinese.
    chinese: Cow<'static, str>,
}

/// A sentence of a report of schema 1, which knew nothing else. Nothing outside this crate makes one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Verbatim(String);

/// A text without arguments in every language: for what one suite alone says, beside that suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bilingual {
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

impl Bilingual {
    /// The text in `lang`.
    pub fn text(&self, lang: Lang) -> &'static str {
        lang.of(self.en, self.zh)
    }
}

impl Message {
    /// A name that stands alone: of a tensor, a file, an option. Not a sentence.
    pub fn name(name: impl Into<String>) -> Self {
        Self(Words::Name(name.into()))
    }

    /// A sentence of a report of schema 1.
    pub(crate) fn verbatim(text: impl Into<String>) -> Self {
        Self(Words::Verbatim(Verbatim(text.into())))
    }

    /// The name, if this is one that stands alone.
    pub fn as_name(&self) -> Option<&str> {
        match &self.0 {
            Words::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The text without any markup.
    pub fn plain(&self, lang: Lang) -> String {
        self.say(lang, Pen::Plain)
    }

    /// What says it.
    fn words(&self) -> &dyn Say {
        match &self.0 {
            Words::Name(name) => name,
            Words::Both(it) => it,
            Words::Judging(it) => it,
            Words::Coverage(it) => it,
            Words::Section(it) => it,
            Words::Reduce(it) => it,
            Words::Run(it) => it,
            Words::Trajectory(it) => it.as_ref(),
            Words::Logged(it) => it,
            Words::Performance(it) => it.as_ref(),
            Words::Special(it) => it,
            Words::RunCheck(it) => it,
            Words::RunWord(it) => it,
            Words::Compared(it) => it.as_ref(),
            Words::ComparedWord(it) => it,
            Words::Gated(it) => it,
            Words::Heading(it) => it,
            Words::Figure(it) => it,
            Words::Unit(it) => it,
            Words::Outcome(it) => it,
            Words::Stage(it) => it,
            Words::Precision(it) => it,
            Words::Metric(it) => it,
            Words::Verbatim(it) => it,
        }
    }
}

impl Say for Message {
    fn en(&self, pen: Pen) -> String {
        self.words().en(pen)
    }

    fn zh(&self, pen: Pen) -> String {
        self.words().zh(pen)
    }
}

/// The English text without any markup.
impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.en(Pen::Plain))
    }
}

/// A name.
impl Say for String {
    fn en(&self, pen: Pen) -> String {
        pen.name(self)
    }

    fn zh(&self, pen: Pen) -> String {
        pen.name(self)
    }
}

impl Say for Both {
    fn en(&self, pen: Pen) -> String {
        pen.text(&self.english)
    }

    fn zh(&self, pen: Pen) -> String {
        pen.text(&self.chinese)
    }
}

impl Say for Verbatim {
    fn en(&self, pen: Pen) -> String {
        pen.verbatim(&self.0)
    }

    fn zh(&self, pen: Pen) -> String {
        pen.verbatim(&self.0)
    }
}

impl From<Bilingual> for Message {
    fn from(Bilingual { en, zh }: Bilingual) -> Self {
        Self(Words::Both(Both { english: en.into(), chinese: zh.into() }))
    }
}

/// Makes a message of each kind.
macro_rules! kinds {
    ($($kind:ident => $variant:ident),+ $(,)?) => {
        $(impl From<$kind> for Message {
            fn from(words: $kind) -> Self {
                Self(Words::$variant(words))
            }
        })+
    };
}

impl From<Compared> for Message {
    fn from(words: Compared) -> Self {
        Self(Words::Compared(Box::new(words)))
    }
}

impl From<Trajectory> for Message {
    fn from(words: Trajectory) -> Self {
        Self(Words::Trajectory(Box::new(words)))
    }
}

impl From<Performance> for Message {
    fn from(words: Performance) -> Self {
        Self(Words::Performance(Box::new(words)))
    }
}

kinds! {
    Special => Special,
    Coverage => Coverage, Logged => Logged,
    RunCheck => RunCheck, RunWord => RunWord, ComparedWord => ComparedWord, Gated => Gated,
    Judging => Judging, Sections => Section, Reduce => Reduce, Run => Run, Heading => Heading, Key => Figure, Unit => Unit,
    Outcome => Outcome, Stage => Stage, Precision => Precision, Metric => Metric,
}

#[cfg(test)]
mod tests;
