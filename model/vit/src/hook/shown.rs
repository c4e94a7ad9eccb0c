//! A tensor that a hook has been shown.

use std::ops::Deref;

use tch::Tensor;

/// What the trainer goes on with: the tensor that was shown, or the one that a hook put in its place.
#[derive(Debug)]
pub struct Shown<'t> {
    value: &'t Tensor,
    replaced: Option<Tensor>,
}

impl<'t> Shown<'t> {
    pub(super) fn new(value: &'t Tensor, replaced: Option<Tensor>) -> Self {
        Self { value, replaced }
    }

    /// What a hook put in the tensor's place, if any did.
    pub fn into_replacement(self) -> Option<Tensor> {
        self.replaced
    }
}

impl Deref for Shown<'_> {
    type Target = Tensor;

    fn deref(&self) -> &Tensor {
        self.replaced.as_ref().unwrap_or(self.value)
    }
}
