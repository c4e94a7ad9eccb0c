//! The name of an entry: parser and composer.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use dinov3_ground::{Hint, Hints};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Kind;

/// The name of an entry: `[kind:]path[#call][:port]`. `Display` gives the text that `FromStr` parsed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EntryName {
    text: String,
    kind: Kind,
    /// The range of the path in the text.
    path: Range<usize>,
    call: u32,
    /// The index in the text where the port begins.
    port: Option<usize>,
}

/// The error of a text that is not the name of an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not an entry name: {problem}")]
pub struct EntryNameError {
    /// The whole text as given.
    pub name: String,
    /// The wrong part.
    pub problem: EntryNameProblem,
}

/// The wrong part of a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryNameProblem {
    /// The word before the first colon is not a kind.
    #[error("there is no kind `{0}`")]
    Kind(String),
    /// The path is empty.
    #[error("the path is missing")]
    NoPath,
    /// The path has a forbidden character.
    #[error("the path `{0}` must match [a-z_][A-Za-z0-9_.-]*(/[A-Za-z0-9_.]+)?")]
    Path(String),
    /// The text after `#` is not a call number.
    #[error("`#{0}` is not a call number; the second call is `#1`, and the first call has no number")]
    Call(String),
    /// A call number with a kind that allows none.
    #[error("entries of kind `{0}` have no call number")]
    NoCalls(Kind),
    /// The port is empty or has a forbidden character.
    #[error("the port `{0}` must match [A-Za-z0-9_.]+")]
    Port(String),
    /// A port with a kind that allows none.
    #[error("entries of kind `{0}` have no port")]
    NoPorts(Kind),
}

impl Hint for EntryNameError {
    fn hints(&self) -> Hints {
        let hint: String = match &self.problem {
            EntryNameProblem::Kind(_) => {
                let known: Vec<_> = Kind::ALL.iter().filter_map(|kind| kind.prefix()).collect();
                format!("use one of {}", known.join(", "))
            }
            _ => "write `path[#call][:port]` for a module's tensor and `kind:path` for any other".to_owned(),
        };
        hint.into()
    }
}

impl EntryName {
    /// Composes a name from its parts; `call` counts from 0, and call 0 is not written.
    ///
    /// # Errors
    /// If the composed text is not an entry name.
    pub fn new(kind: Kind, path: &str, call: u32, port: Option<&str>) -> Result<Self, EntryNameError> {
        compose(kind, path, call, port).parse()
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The kind of the entry.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The path: the module's path in the reference, or the value's name if it belongs to no module.
    pub fn path(&self) -> &str {
        &self.text[self.path.clone()]
    }

    pub(crate) fn path_range(&self) -> Range<usize> {
        self.path.clone()
    }

    /// The parts of the path, split at its dots.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.path().split('.')
    }

    /// The number of the call of this place, from 0.
    pub fn call(&self) -> u32 {
        self.call
    }

    /// The port: the name of one of the place's tensors, such as `in`, `0`, `x_norm_clstoken`.
    pub fn port(&self) -> Option<&str> {
        self.port.map(|start| &self.text[start..])
    }

    /// The path of an entry of this kind; `None` for an entry of another kind.
    pub fn path_of(&self, kind: Kind) -> Option<&str> {
        (self.kind == kind).then(|| self.path())
    }
}

/// Composes the text of a name without checks; `call` counts from 0, and call 0 is not written.
pub fn compose(kind: Kind, path: impl fmt::Display, call: u32, port: Option<&str>) -> String {
    let place = kind.of(path);
    let (colon, port) = port.map_or(("", ""), |port| (":", port));
    match call {
        0 => format!("{place}{colon}{port}"),
        _ => format!("{place}#{call}{colon}{port}"),
    }
}

impl FromStr for EntryName {
    type Err = EntryNameError;

    fn from_str(text: &str) -> Result<Self, EntryNameError> {
        parsed(text).map_err(|problem| EntryNameError { name: text.to_owned(), problem })
    }
}

fn parsed(text: &str) -> Result<EntryName, EntryNameProblem> {
    let (kind, start) = kind_of(text)?;
    let (body, port) = match text[start..].split_once(':') {
        Some((body, port)) => (body, Some(port)),
        None => (&text[start..], None),
    };
    let (path, number) = match body.split_once('#') {
        Some((path, number)) => (path, Some(number)),
        None => (body, None),
    };
    check_path(path)?;
    let call = match number {
        Some(number) => call_number(number).ok_or_else(|| EntryNameProblem::Call(number.to_owned()))?,
        None => 0,
    };
    if call > 0 && !kind.row().calls {
        return Err(EntryNameProblem::NoCalls(kind));
    }
    if let Some(port) = port {
        if !kind.row().ports {
            return Err(EntryNameProblem::NoPorts(kind));
        }
        if port.is_empty() || !port.bytes().all(is_word) {
            return Err(EntryNameProblem::Port(port.to_owned()));
        }
    }
    let port = port.map(|port| text.len() - port.len());
    Ok(EntryName { text: text.to_owned(), kind, path: start..start + path.len(), call, port })
}

/// The kind, and the index in the text after its colon. A word before the first colon is a kind unless it is a path
/// with parts, or has a call number.
fn kind_of(text: &str) -> Result<(Kind, usize), EntryNameProblem> {
    match text.split_once(':') {
        Some((word, _)) if !word.contains(['.', '#']) => match Kind::of_prefix(word) {
            Some(kind) => Ok((kind, word.len() + 1)),
            None => Err(EntryNameProblem::Kind(word.to_owned())),
        },
        _ => Ok((Kind::Output, 0)),
    }
}

fn check_path(path: &str) -> Result<(), EntryNameProblem> {
    let (before, after) = path.split_once('/').map_or((path, None), |(before, after)| (before, Some(after)));
    let begins = before.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let within = before.bytes().all(|byte| is_word(byte) || byte == b'-');
    let ends = after.is_none_or(|after| !after.is_empty() && after.bytes().all(is_word));
    match (path.is_empty(), begins && within && ends) {
        (true, _) => Err(EntryNameProblem::NoPath),
        (false, true) => Ok(()),
        (false, false) => Err(EntryNameProblem::Path(path.to_owned())),
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.'
}

/// Parses a number of at least 1, written without leading zero or sign.
fn call_number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number > 0 && number.to_string() == text).then_some(number)
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl AsRef<str> for EntryName {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl PartialEq<str> for EntryName {
    fn eq(&self, other: &str) -> bool {
        self.text == other
    }
}

impl PartialEq<&str> for EntryName {
    fn eq(&self, other: &&str) -> bool {
        self.text == *other
    }
}

impl Serialize for EntryName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for EntryName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
