//! An error made of words, for problems that no caller distinguishes.

use std::error::Error;
use std::fmt;

use super::{AnyError, Hint, Hints};

/// An error made of words: the problem, its hints and its cause.
#[derive(Debug)]
pub struct Words {
    what: String,
    hints: Hints,
    cause: Option<AnyError>,
}

impl Words {
    /// An error with this problem. The first line of `what` states the problem, further lines give details.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hints: Hints::none(), cause: None }
    }

    /// Adds hints.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Hints>) -> Self {
        self.hints = self.hints.and(hint);
        self
    }

    /// Sets the cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<AnyError>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Words {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause.as_hint() as &(dyn Error + 'static))
    }
}

impl Hint for Words {
    fn hints(&self) -> Hints {
        let below = self.cause.as_ref().map(|cause| cause.as_hint().hints());
        self.hints.clone().and(below.unwrap_or_default())
    }
}
