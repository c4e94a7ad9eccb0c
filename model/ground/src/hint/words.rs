//! An error that is told apart from others by its words alone.

use std::error::Error;
use std::fmt;

use super::{AnyError, Hint, Hints};

/// What is wrong, what to do about it, and what it comes from.
#[derive(Debug)]
pub struct Words {
    what: String,
    hints: Hints,
    cause: Option<AnyError>,
}

impl Words {
    /// What is wrong. It may have lines: the first says what, the others give details.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hints: Hints::none(), cause: None }
    }

    /// With something more to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Hints>) -> Self {
        self.hints = self.hints.and(hint);
        self
    }

    /// With the error that it comes from.
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
