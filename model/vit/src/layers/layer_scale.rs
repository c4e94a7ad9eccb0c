//! LayerScale (`dinov3/layers/layer_scale.py`; Touvron et al., 2021).

use tch::Tensor;

use crate::hook::Hooks;
use crate::init;
use crate::module::{Module, Role, uninitialised};

/// A learnt factor for each feature of a residual branch.
#[derive(Debug)]
pub struct LayerScale {
    name: String,
    init_value: f64,
    /// `[D]`.
    pub gamma: Tensor,
}

impl LayerScale {
    /// An uninitialised layer; `init_value` is `student.layerscale`.
    pub fn new(name: String, dim: i64, init_value: f64) -> Self {
        Self { name, init_value, gamma: uninitialised(&[dim]) }
    }

    /// Sets every factor to the initial value.
    pub fn init_weights(&mut self) {
        init::constant_(&mut self.gamma, self.init_value);
    }

    /// `[.., D] -> [.., D]`.
    pub fn forward(&self, x: &Tensor, hooks: &mut Hooks) -> Tensor {
        let gamma = hooks.operand(&self.name, "gamma", &self.gamma);
        hooks.output(&self.name, x * &*gamma)
    }
}

impl Module for LayerScale {
    fn map_tensors(&self, f: &mut dyn FnMut(&str, Role, &Tensor) -> Tensor) -> Self {
        Self {
            name: self.name.clone(),
            init_value: self.init_value,
            gamma: f(&format!("{}.gamma", self.name), Role::Parameter, &self.gamma),
        }
    }
}

/// `ls1` or `ls2` of a block. Without LayerScale in the config it is the identity, and no hook sees it.
pub fn scaled(scale: &Option<LayerScale>, x: Tensor, hooks: &mut Hooks) -> Tensor {
    match scale {
        Some(scale) => scale.forward(&x, hooks),
        None => x,
    }
}
