//! Errors of a YAML text.

use std::fmt;

use dinov3_ground::{Hint, Hints};
use thiserror::Error;

/// Line and column, both counted from 1.
pub(super) type Mark = (usize, usize);

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, or the override.
    pub source: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
}

impl Place {
    pub(super) fn new(source: &str, (line, column): Mark) -> Self {
        Self { source: source.to_owned(), line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source, self.line, self.column)
    }
}

/// The reason why a text cannot be parsed.
#[derive(Debug, Error)]
pub enum YamlError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {error}")]
    Read {
        /// The file.
        path: String,
        /// The system's error.
        error: std::io::Error,
    },
    /// The text is not YAML, or cannot be part of a config.
    #[error("{place}: {problem}")]
    Text {
        /// The place.
        place: Place,
        /// The problem.
        problem: YamlProblem,
    },
}

/// A problem at a place in a text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum YamlProblem {
    /// The bytes are not UTF-8.
    #[error("the file is not UTF-8")]
    NotUtf8,
    /// The parser's error.
    #[error("this is not YAML: {0}")]
    Syntax(String),
    /// A character ends a line in YAML 1.1 alone.
    #[error("the character U+{0:04X} ends a line in YAML 1.1, which the reference reads, and not in YAML 1.2")]
    LineEnd(u32),
    /// The name of an anchor or an alias holds other characters than letters, digits, `-` and `_`.
    #[error("`{0}` is not the name of an anchor: one has letters, digits, `-` and `_`")]
    AnchorName(String),
    /// A mapping has a key twice.
    #[error("the key `{0}` is given twice")]
    Duplicate(String, usize),
    /// A key is not a string.
    #[error("the key `{0}` is {1}, and keys are strings")]
    Key(String, &'static str),
    /// A key is a mapping or a list.
    #[error("a {0} cannot be a key")]
    ContainerKey(&'static str),
    /// A number is infinite, not a number, or overflows.
    #[error("{key}`{text}` is not a finite number")]
    NotFinite {
        /// The key with a colon; empty at the root.
        key: KeyPath,
        /// The text as written.
        text: String,
    },
    /// An integer does not fit in 64 bits.
    #[error("{key}`{text}` does not fit 64 bits")]
    TooLarge {
        /// The key with a colon; empty at the root.
        key: KeyPath,
        /// The text as written.
        text: String,
    },
    /// A text does not fit its tag.
    #[error("{key}`{text}` is not a valid {tag}")]
    NotOfTag {
        /// The key with a colon; empty at the root.
        key: KeyPath,
        /// The text as written.
        text: String,
        /// The tag, such as `!!int`.
        tag: String,
    },
    /// A tag has no meaning in a config.
    #[error("{key}the tag `{tag}` cannot be used in a config")]
    Tag {
        /// The key with a colon; empty at the root.
        key: KeyPath,
        /// The text as written.
        tag: String,
        /// The known tags.
        known: &'static str,
    },
    /// A value is a plain `=` or `<<`.
    #[error("{key}a bare `{text}` has no value")]
    Bare {
        /// The key with a colon; empty at the root.
        key: KeyPath,
        /// The text as written.
        text: String,
    },
    /// The value of `<<` is not a mapping.
    #[error("`<<` takes a mapping or a list of mappings")]
    MergeKey,
    /// An alias is inside the node that it refers to.
    #[error("this alias is inside the node that it refers to")]
    Recursive,
    /// The text has a second document.
    #[error("a second document begins here")]
    ManyDocuments,
    /// The nesting or the expansion of aliases is beyond a limit.
    #[error("the text grows beyond {0}")]
    TooMuch(&'static str),
}

/// Displays the dotted key of a value with a colon; displays nothing for the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPath(pub String);

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "`{}`: ", self.0) }
    }
}

impl Hint for YamlError {
    fn hints(&self) -> Hints {
        match self {
            Self::Read { .. } => "give the path of a YAML file, relative to the current folder".into(),
            Self::Text { problem, .. } => problem.hints(),
        }
    }
}

impl Hint for YamlProblem {
    fn hints(&self) -> Hints {
        match self {
            Self::NotUtf8 => "save it as UTF-8".into(),
            Self::Syntax(message) => syntax_hint(message).into(),
            Self::LineEnd(code) => format!("remove it, or write `\\u{code:04X}` in double quotes").into(),
            Self::AnchorName(_) => "to write a key, leave out the `&`; to write a text, quote it".into(),
            Self::Duplicate(_, line) => format!("keep one of the two; the first is in line {line}").into(),
            Self::Key(key, _) => format!("quote it: '{key}'").into(),
            Self::ContainerKey(_) => "quote it if it is meant to be a string".into(),
            Self::NotFinite { .. } => "use null or a number that is large enough".into(),
            Self::TooLarge { .. } => "use a number that is large enough, or quote it".into(),
            Self::NotOfTag { .. } => "leave out the tag, or write a value that fits it".into(),
            Self::Tag { known, .. } => format!("leave it out; of tags only {known} are known").into(),
            Self::Bare { text, .. } => format!("quote it: '{text}'").into(),
            Self::MergeKey => "write `<<: *name` with a name that `&name` has given to a mapping".into(),
            Self::Recursive => "a config is a tree: write the value out".into(),
            Self::ManyDocuments => "a config is one document: remove the `---`".into(),
            Self::TooMuch(_) => "a config has a few hundred values: see whether its aliases multiply".into(),
        }
    }
}

/// The hint for a syntax error, chosen by the parser's message.
fn syntax_hint(message: &str) -> &'static str {
    if message.contains("tab") || message.contains("whitespace") {
        "use spaces, not tabs"
    } else if message.contains("must be quoted") {
        "put quotes around it"
    } else if message.contains("indentation") {
        "indent every line of a value further than its key, closing brackets too"
    } else if message.contains("anchor") {
        "an alias `*name` needs an `&name` before it"
    } else if message.contains("mapping values") {
        "quote a text that holds `: `"
    } else {
        "look for an open bracket or quote, and for lines with different indentation"
    }
}
