//! The type of any error with hints.

use std::error::Error;
use std::fmt;

use super::Hint;

/// Any error with hints. `?` converts every [`Hint`] and no other error, so code that would lose an error's hints does
/// not compile.
pub struct AnyError(Box<dyn Hint + Send + Sync>);

impl AnyError {
    /// The error.
    pub fn as_hint(&self) -> &(dyn Hint + 'static) {
        &*self.0
    }

    /// The error as an `E`; `None` if it has another type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        (self.as_hint() as &(dyn Error + 'static)).downcast_ref()
    }

    /// Whether the error is an `E`.
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
