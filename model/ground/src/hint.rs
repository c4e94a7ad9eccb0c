//! Remedies for errors.
//!
//! An error's `Display` states only the problem. [`Hint::hints`] returns the user's remedies as separate data. [`show`]
//! shows an error and decides the place and the look of its hints.

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

/// An error with remedies.
pub trait Hint: Error {
    /// The remedies, most specific first. An error that wraps another error passes on the hints of the wrapped error.
    fn hints(&self) -> Hints;
}

/// The system's own errors have no hints: the remedy depends on the failed operation.
impl Hint for io::Error {
    fn hints(&self) -> Hints {
        Hints::none()
    }
}

/// A number that does not fit has no hints: no user gave it.
impl Hint for std::num::TryFromIntError {
    fn hints(&self) -> Hints {
        Hints::none()
    }
}

/// Remedies, one sentence each, without duplicates and without the word `hint:`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints(Vec<Cow<'static, str>>);

impl Hints {
    /// No hints.
    pub fn none() -> Self {
        Self::default()
    }

    /// These hints, followed by the hints of `others` that are new.
    #[must_use]
    pub fn and(mut self, others: impl Into<Self>) -> Self {
        for hint in others.into().0 {
            if !self.0.contains(&hint) {
                self.0.push(hint);
            }
        }
        self
    }

    /// Whether there are no hints.
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

/// One hint per line.
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
