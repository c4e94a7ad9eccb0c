//! Any error that has hints.

use std::error::Error;
use std::fmt;

use super::Hint;

/// Any error that says what to do about it. `?` makes one of each [`Hint`], and of no other error: an error whose hints would be lost
/// does not compile.
pub struct AnyError(Box<dyn Hint + Send + Sync>);

impl AnyError {
    /// The error.
    pub fn as_hint(&self) -> &(dyn Hint + 'static) {
        &*self.0
    }

    /// The error, if it is of that type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        (self.as_hint() as &(dyn Error + 'static)).downcast_ref()
    }

    /// Whether the error is of that type.
    pub fn is<E: Error + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }
}

impl<E: Hint + Send + Sync + 'static> From<E> for AnyError {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
