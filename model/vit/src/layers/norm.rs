//! The three norms that `student.norm_layer` names: `layernorm`, `layernormbf16` and `rmsnorm`
//! (`dinov3/layers/rms_norm.py`, `dinov3/models/vision_transformer.py`).

use dinov3_config::NormLayer;
use tch::{Kind, Tensor};

use crate::init;
use crate::module::{Module, Role, at_least_float, uninitialised};
use crate::tap::Taps;

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

    /// Weight one, bias zero.
    pub fn init_weights(&mut self) {
        init::constant_(&mut self.weight, 1.0);
        if let Some(bias) = &mut self.bias {
            init::constant_(bias, 0.0);
        }
    }

    /// `[.., D] -> [.., D]`.
    pub fn forward(&self, x: &Tensor, taps: &mut Taps) -> Tensor {
        let y = match self.layer {
            NormLayer::RmsNorm => self.rms_norm(x),
            _ => x.layer_norm(self.weight.size(), Some(&self.weight), self.bias.as_ref(), self.layer.eps(), true),
        };
        taps.output(&self.name, &y);
        y
    }

    /// Shows the input of this norm to the observer, then applies it.
    pub fn forward_with_input(&self, x: &Tensor, taps: &mut Taps) -> Tensor {
        taps.port(&self.name, "in", x);
        self.forward(x, taps)
    }

    fn rms_norm(&self, x: &Tensor) -> Tensor {
        let wide = at_least_float(x);
        let mean_square = wide.pow_tensor_scalar(2).mean_dim(&[-1i64][..], true, None::<Kind>);
        (&wide * (mean_square + self.layer.eps()).rsqrt()).type_as(x) * &self.weight
    }
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
