//! What to do about an error.
//!
//! An error's `Display` says what is wrong and nothing else. What a user can do about it is data of its own: [`Hint::hints`]. Whoever
//! shows an error does so by [`show`], which decides where hints stand and what they look like.

mod any;
mod show;
mod words;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;

pub use any::AnyError;
pub use show::{show, show_hints, text};
pub use words::Words;

/// An error that knows what to do about it.
pub trait Hint: Error {
    /// What to do, most specific first. An error that wraps another one passes on that one's hints.
    fn hints(&self) -> Hints;
}

/// The system's own errors: what to do depends on what was tried.
impl Hint for io::Error {
    fn hints(&self) -> Hints {
        Hints::none()
    }
}

/// A number that does not fit: no user gave it.
impl Hint for std::num::TryFromIntError {
    fn hints(&self) -> Hints {
        Hints::none()
    }
}

/// Sentences that say what to do, each once, without the word `hint:`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints(Vec<Cow<'static, str>>);

impl Hints {
    /// Nothing can be said.
    pub fn none() -> Self {
        Self::default()
    }

    /// These, and then those of `others` that are not among them.
    #[must_use]
    pub fn and(mut self, others: impl Into<Self>) -> Self {
        for hint in others.into().0 {
            if !self.0.contains(&hint) {
                self.0.push(hint);
            }
        }
        self
    }

    /// Whether nothing can be said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each hint.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl From<&'static str> for Hints {
    fn from(hint: &'static str) -> Self {
        Self(vec![hint.into()])
    }
}

impl From<String> for Hints {
    fn from(hint: String) -> Self {
        Self(vec![hint.into()])
    }
}

/// A hint a line.
impl fmt::Display for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_given_once_and_the_own_come_first() {
        let own = Hints::from("name another file");
        let hints = own.and("make room".to_owned()).and("name another file").and(Hints::none());
        assert_eq!(hints.iter().collect::<Vec<_>>(), ["name another file", "make room"]);
        assert_eq!(hints.to_string(), "name another file\nmake room");
        assert!(Hints::none().is_empty() && !hints.is_empty());
    }
}
