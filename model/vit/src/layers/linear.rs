//! `nn.Linear`, and the reference's `LinearKMaskedBias` (`dinov3/layers/attention.py`).

use tch::Tensor;

use crate::init;
use crate::module::{Module, Role, uninitialised};
use crate::tap::Taps;

/// `y = x Wᵀ + b`.
#[derive(Debug)]
pub struct Linear {
    name: String,
    /// `[out, in]`.
    pub weight: Tensor,
    /// `[out]`.
    pub bias: Option<Tensor>,
    /// `[out]`, multiplied into the bias: zero over the keys' third. Only for qkv under `mask_k_bias`, with a bias.
    pub bias_mask: Option<Tensor>,
    /// Planted defect: the mask is there and not used.
    ignore_mask: bool,
}

impl Linear {
    /// An uninitialised layer; `name` is its module path.
    pub fn new(name: String, inputs: i64, outputs: i64, bias: bool) -> Self {
        Self {
            name,
            weight: uninitialised(&[outputs, inputs]),
            bias: bias.then(|| uninitialised(&[outputs])),
            bias_mask: None,
            ignore_mask: false,
        }
    }

    /// `LinearKMaskedBias`: a qkv projection whose keys have no bias.
    pub fn with_masked_k_bias(name: String, inputs: i64, outputs: i64, bias: bool, ignore_mask: bool) -> Self {
        let bias_mask = bias.then(|| uninitialised(&[outputs]));
        Self { bias_mask, ignore_mask, ..Self::new(name, inputs, outputs, bias) }
    }

    /// Truncated normal weights (std 0.02), zero bias, and the mask that is zero over the middle third.
    pub fn init_weights(&mut self) {
        init::trunc_normal_(&mut self.weight, 0.02);
        if let Some(bias) = &mut self.bias {
            init::constant_(bias, 0.0);
        }
        if let Some(mask) = &mut self.bias_mask {
            let outputs = mask.size()[0];
            init::constant_(mask, 1.0);
            let (start, end) = (outputs / 3, 2 * outputs / 3);
            init::constant_(&mut mask.narrow(0, start, end - start), 0.0);
        }
    }

    /// `[.., in] -> [.., out]`.
    pub fn forward(&self, x: &Tensor, taps: &mut Taps) -> Tensor {
        let masked = match (&self.bias, &self.bias_mask) {
            (Some(bias), Some(mask)) if !self.ignore_mask => Some(bias * mask.to_kind(bias.kind())),
            _ => None,
        };
        let y = x.linear(&self.weight, masked.as_ref().or(self.bias.as_ref()));
        taps.output(&self.name, &y);
        y
    }

    /// The number of inputs.
    pub fn inputs(&self) -> i64 {
        self.weight.size()[1]
    }

    /// Shows the input of this layer to the observer: `<name>:in`.
    pub fn tap_input(&self, x: &Tensor, taps: &mut Taps) {
        taps.port(&self.name, "in", x);
    }
}

impl Module for Linear {
    fn map_tensors(&self, f: &mut dyn FnMut(&str, Role, &Tensor) -> Tensor) -> Self {
        let mut at = |key: &str, role, t: &Tensor| f(&format!("{}.{key}", self.name), role, t);
        Self {
            name: self.name.clone(),
            weight: at("weight", Role::Parameter, &self.weight),
            bias: self.bias.as_ref().map(|t| at("bias", Role::Parameter, t)),
            bias_mask: self.bias_mask.as_ref().map(|t| at("bias_mask", Role::Buffer, t)),
            ignore_mask: self.ignore_mask,
        }
    }
}
