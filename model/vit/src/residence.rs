//! The place of a module's parameters while it does not compute.

use std::fmt::Debug;
use std::sync::Arc;

use tch::Tensor;

use crate::module::Module;

/// Parameters that are gathered together before their module computes, and released after it.
pub trait Unit: Debug + Send + Sync {
    /// Gathers the parameters. An error ends the step later; until then the values are undefined.
    fn enter(&self);

    /// Releases the parameters after the forward pass has computed `outputs` with them.
    fn leave(self: Arc<Self>, outputs: &[&Tensor]);
}

/// The place of a module's parameters: its own tensors, or a [`Unit`].
#[derive(Clone, Debug, Default)]
pub struct Residence(Option<Arc<dyn Unit>>);

impl Residence {
    /// Puts the parameters into `unit`.
    pub fn of(unit: Arc<dyn Unit>) -> Self {
        Self(Some(unit))
    }

    /// Call it before the module reads a parameter.
    pub fn enter(&self) {
        if let Some(unit) = &self.0 {
            unit.enter();
        }
    }

    /// Call it after the module has read its last parameter, with the tensors that it computed.
    pub fn leave(&self, outputs: &[&Tensor]) {
        if let Some(unit) = &self.0 {
            Arc::clone(unit).leave(outputs);
        }
    }
}

/// A network whose parts can be given places for their parameters.
pub trait Resident: Module {
    /// Calls `residence` with the module path of every part that is a unit.
    fn reside(&mut self, residence: &mut dyn FnMut(&str) -> Residence);
}
