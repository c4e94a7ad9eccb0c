//! How a renderer writes names, and the words of others.

use crate::markdown::escape;

/// How names stand out from the sentence around them, and what is escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pen {
    /// Nothing stands out and nothing is escaped: terminal, JUnit, CSV, JSON.
    Plain,
    /// Names are code; markup in the words of others is text.
    Markdown,
    /// The same inside an HTML element.
    Html,
}

impl Pen {
    /// A name: of a tensor, a file, an option.
    pub fn name(self, name: &str) -> String {
        match self {
            Self::Plain => name.to_owned(),
            Self::Markdown => escape::code(name),
            Self::Html => format!("<code>{}</code>", escape::html(name)),
        }
    }

    /// Several names with `between` between them.
    pub(crate) fn names(self, names: &[String], between: &str) -> String {
        names.iter().map(|name| self.name(name)).collect::<Vec<_>>().join(between)
    }

    /// Words that somebody else chose, such as the model of a processor.
    pub(crate) fn text(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Markdown => escape::plain(text),
            Self::Html => escape::html(text),
        }
    }

    /// A sentence of a report of schema 1, in which backticks are markup.
    pub(super) fn verbatim(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Markdown => escape::text(text),
            Self::Html => escape::html(text),
        }
    }
}
