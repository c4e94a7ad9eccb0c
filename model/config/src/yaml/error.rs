//! What can be wrong with a YAML text.

use std::fmt;

use dinov3_ground::{Hint, Hints};
use thiserror::Error;

/// Line and column, both from 1.
pub(super) type Mark = (usize, usize);

/// Where in which text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, or the override.
    pub source: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
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

/// Why a text gives no value.
#[derive(Debug, Error)]
pub enum YamlError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {error}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The text is not YAML, or not a config.
    #[error("{place}: {problem}")]
    Text {
        /// Where.
        place: Place,
        /// What.
        problem: YamlProblem,
    },
}

/// What is wrong at one place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum YamlProblem {
    /// Bytes that are no text.
    #[error("the file is not UTF-8")]
    NotUtf8,
    /// What the parser says.
    #[error("this is not YAML: {0}")]
    Syntax(String),
    /// A key that stands in one mapping twice.
    #[error("the key `{0}` is given twice")]
    Duplicate(String, usize),
    /// A key that is no string.
    #[error("the key `{0}` is {1}, and keys are strings")]
    Key(String, &'static str),
    /// A mapping or list as a key.
    #[error("a {0} cannot be a key")]
    ContainerKey(&'static str),
    /// `.inf`, `.nan` or an overflow.
    #[error("{key}`{text}` is not a finite number")]
    NotFinite {
        /// The key and a colon, if there is one.
        key: KeyPath,
        /// As written.
        text: String,
    },
    /// An integer beyond 64 bits.
    #[error("{key}`{text}` does not fit 64 bits")]
    TooLarge {
        /// The key and a colon, if there is one.
        key: KeyPath,
        /// As written.
        text: String,
    },
    /// A tagged text that its tag cannot read.
    #[error("{key}`{text}` is no {tag}")]
    NotOfTag {
        /// The key and a colon, if there is one.
        key: KeyPath,
        /// As written.
        text: String,
        /// Such as `!!int`.
        tag: String,
    },
    /// A tag that has no meaning in a config.
    #[error("{key}the tag `{tag}` cannot be used in a config")]
    Tag {
        /// The key and a colon, if there is one.
        key: KeyPath,
        /// As written.
        tag: String,
        /// Those that can be used.
        known: &'static str,
    },
    /// A plain `=` or `<<` as a value.
    #[error("{key}a bare `{text}` has no value")]
    Bare {
        /// The key and a colon, if there is one.
        key: KeyPath,
        /// As written.
        text: String,
    },
    /// `<<` with something that is no mapping.
    #[error("`<<` takes a mapping or a list of mappings")]
    MergeKey,
    /// An alias within what it stands for.
    #[error("this alias stands within what it stands for")]
    Recursive,
    /// A second document.
    #[error("a second document begins here")]
    ManyDocuments,
    /// Aliases of aliases, or a depth that no config has.
    #[error("the text grows beyond {0}")]
    TooMuch(&'static str),
}

/// The dotted key of a value, shown with a colon after it; the root shows as nothing.
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
            Self::Read { .. } => "give the path of a YAML file, seen from the current folder".into(),
            Self::Text { problem, .. } => problem.hints(),
        }
    }
}

impl Hint for YamlProblem {
    fn hints(&self) -> Hints {
        match self {
            Self::NotUtf8 => "save it as UTF-8".into(),
            Self::Syntax(message) => syntax_hint(message).into(),
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

/// What to do about a syntax error, as far as its text tells.
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
        "see whether a bracket or quote is left open, and whether the lines are indented alike"
    }
}
