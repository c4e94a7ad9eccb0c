//! Collectives that have been started, and their results.

use tch::Tensor;

use super::GroupError;
use super::process::Running;

/// A started collective. Every rank waits for its result, or none does: a rank that drops it may leave the others waiting.
#[derive(Debug)]
#[must_use = "the result is there once it was waited for"]
pub struct Pending(State);

#[derive(Debug)]
enum State {
    Ready(Tensor),
    Running(Box<Running>),
}

impl Pending {
    /// Waits for the result.
    ///
    /// # Errors
    /// As the collective itself.
    pub fn wait(self) -> Result<Tensor, GroupError> {
        match self.0 {
            State::Ready(tensor) => Ok(tensor),
            State::Running(running) => running.wait(),
        }
    }
}

/// A result that is there already.
impl From<Tensor> for Pending {
    fn from(tensor: Tensor) -> Self {
        Self(State::Ready(tensor))
    }
}

impl From<Running> for Pending {
    fn from(running: Running) -> Self {
        Self(State::Running(Box::new(running)))
    }
}
