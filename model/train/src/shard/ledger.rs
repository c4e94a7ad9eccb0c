//! The common record of the units of one network: the first error, and the unit whose gradients are being reduced.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ShardError;
use super::unit::Unit;

/// A module cannot return an error when it computes, and a hook of autograd cannot pass one through C++. Errors are noted here, and the step
/// asks for them afterwards.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Books>);

#[derive(Default)]
struct Books {
    trouble: Option<Trouble>,
    reducing: Option<Arc<Unit>>,
}

enum Trouble {
    Failed(ShardError),
    Panicked(Box<dyn Any + Send>),
}

impl Ledger {
    /// Runs `body`, and notes its error.
    pub(super) fn note(&self, body: impl FnOnce() -> Result<(), ShardError>) {
        let trouble = match catch_unwind(AssertUnwindSafe(body)) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => Trouble::Failed(error),
            Err(panic) => Trouble::Panicked(panic),
        };
        self.books().trouble.get_or_insert(trouble);
    }

    /// Clears the record.
    ///
    /// # Errors
    /// If an error was noted: the first one.
    pub(super) fn settled(&self) -> Result<(), ShardError> {
        match self.books().trouble.take() {
            None => Ok(()),
            Some(Trouble::Failed(error)) => Err(error),
            Some(Trouble::Panicked(panic)) => resume_unwind(panic),
        }
    }

    /// Whether an error was noted.
    pub(super) fn is_troubled(&self) -> bool {
        self.books().trouble.is_some()
    }

    /// Makes `unit` the one whose gradients are being reduced. Gives the previous one.
    pub(super) fn now_reducing(&self, unit: Option<Arc<Unit>>) -> Option<Arc<Unit>> {
        std::mem::replace(&mut self.books().reducing, unit)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("troubled", &self.is_troubled()).finish_non_exhaustive()
    }
}
