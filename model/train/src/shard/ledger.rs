//! What the units of one network have in common: the first thing that went wrong, and whose gradients are under way.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ShardError;
use super::unit::Unit;

/// Modules have no errors when they compute, and autograd's hooks none that could pass through C++. So what went wrong is written down here,
/// and the step asks once it is back.
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
    /// Runs `body`, and writes down how it failed.
    pub(super) fn note(&self, body: impl FnOnce() -> Result<(), ShardError>) {
        let trouble = match catch_unwind(AssertUnwindSafe(body)) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => Trouble::Failed(error),
            Err(panic) => Trouble::Panicked(panic),
        };
        self.books().trouble.get_or_insert(trouble);
    }

    /// Ends what was written down.
    ///
    /// # Errors
    /// The first one noted.
    pub(super) fn settled(&self) -> Result<(), ShardError> {
        match self.books().trouble.take() {
            None => Ok(()),
            Some(Trouble::Failed(error)) => Err(error),
            Some(Trouble::Panicked(panic)) => resume_unwind(panic),
        }
    }

    /// Whether anything went wrong.
    pub(super) fn is_troubled(&self) -> bool {
        self.books().trouble.is_some()
    }

    /// Makes `unit` the one whose gradients are under way; gives the one before.
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
