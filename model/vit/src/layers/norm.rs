//! The three norms that `student.norm_layer` names: `layernorm`, `layernormbf16` and `rmsnorm`
//! (`dinov3/layers/rms_norm.py`, `dinov3/models/vision_transformer.py`).

use dinov3_config::NormLayer;
use tch::{Kind, Tensor};

use crate::hook::Hooks;
use crate::init;
use crate::module::{Module, Role, at_least_float, uninitialised};

/// Normalisation over the last dimension.
#[derive(Debug)]
pub struct Norm {
    name: String,
    layer: NormLayer,
    /// `[D]`.
    pub weight: Tensor,
    /// `[D]`; RMSNorm has none.
    pub bias: Option<Tensor>,
}

impl Norm {
    /// An uninitialised norm over `dim` features.
    pub fn new(name: String, layer: NormLayer, dim: i64) -> Self {
        Self {
            name,
            layer,
            weight: uninitialised(&[dim]),
            bias: (layer != NormLayer::RmsNorm).then(|| uninitialised(&[dim])),
        }
    }

    /// Sets the weight to one and the bias to zero.
    pub fn init_weights(&mut self) {
        init::constant_(&mut self.weight, 1.0);
        if let Some(bias) = &mut self.bias {
            init::constant_(bias, 0.0);
        }
    }

    /// `[.., D] -> [.., D]`.
    pub fn forward(&self, x: &Tensor, hooks: &mut Hooks) -> Tensor {
        let weight = hooks.operand(&self.name, "weight", &self.weight);
        let bias = self.bias.as_ref().map(|bias| hooks.operand(&self.name, "bias", bias));
        let eps = hooks.number(&self.name, "eps", self.layer.eps());
        let y = match self.layer {
            NormLayer::RmsNorm => rms_norm(x, &weight, eps),
            _ => x.layer_norm(self.weight.size(), Some(&*weight), bias.as_deref(), eps, true),
        };
        hooks.output(&self.name, y)
    }

    /// Shows the input of this norm, `<name>:in`, then applies it.
    pub fn forward_with_input(&self, x: &Tensor, hooks: &mut Hooks) -> Tensor {
        let x = hooks.input(&self.name, x);
        self.forward(&x, hooks)
    }
}

fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Tensor {
    let wide = at_least_float(x);
    let mean_square = wide.pow_tensor_scalar(2).mean_dim(&[-1i64][..], true, None::<Kind>);
    (&wide * (mean_square + eps).rsqrt()).type_as(x) * weight
}

impl Module for Norm {
    fn map_tensors(&self, f: &mut dyn FnMut(&str, Role, &Tensor) -> Tensor) -> Self {
        let mut at = |key: &str, t: &Tensor| f(&format!("{}.{key}", self.name), Role::Parameter, t);
        Self {
            name: self.name.clone(),
            layer: self.layer,
            weight: at("weight", &self.weight),
            bias: self.bias.as_ref().map(|t| at("bias", t)),
        }
    }
}
