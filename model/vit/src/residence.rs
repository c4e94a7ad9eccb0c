//! Where the parameters of a module are while it does not compute.

use std::fmt::Debug;
use std::sync::Arc;

use tch::Tensor;

use crate::module::Module;

/// Parameters that are gathered together when their module computes, and let go when it has computed.
pub trait Unit: Debug + Send + Sync {
    /// Gathers the parameters. An error ends the step later: until then the values are undefined.
    fn enter(&self);

    /// Lets the parameters go, once forward has computed `outputs` with them.
    fn leave(self: Arc<Self>, outputs: &[&Tensor]);
}

/// Where the parameters of a module are: in its own tensors, or in a [`Unit`].
#[derive(Clone, Debug, Default)]
pub struct Residence(Option<Arc<dyn Unit>>);

impl Residence {
    /// In `unit`.
    pub fn of(unit: Arc<dyn Unit>) -> Self {
        Self(Some(unit))
    }

    /// To be called before the module reads a parameter.
    pub fn enter(&self) {
        if let Some(unit) = &self.0 {
            unit.enter();
        }
    }

    /// To be called when the module has read its last parameter, with what it computed.
    pub fn leave(&self, outputs: &[&Tensor]) {
        if let Some(unit) = &self.0 {
            Arc::clone(unit).leave(outputs);
        }
    }
}

/// A network whose parts can be told where their parameters are.
pub trait Resident: Module {
    /// Calls `residence` with the module path of every part that is a unit.
    fn reside(&mut self, residence: &mut dyn FnMut(&str) -> Residence);
}
