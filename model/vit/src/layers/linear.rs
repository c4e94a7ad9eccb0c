//! `nn.Linear`, and the reference's `LinearKMaskedBias` (`dinov3/layers/attention.py`).

use tch::Tensor;

use crate::hook::Hooks;
use crate::init;
use crate::module::{Module, Role, uninitialised};

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
}

impl Linear {
    /// An uninitialised layer; `name` is its module path.
    pub fn new(name: String, inputs: i64, outputs: i64, bias: bool) -> Self {
        Self {
            name,
            weight: uninitialised(&[outputs, inputs]),
            bias: bias.then(|| uninitialised(&[outputs])),
            bias_mask: None,
        }
    }

    /// `LinearKMaskedBias`: a qkv projection whose keys have no bias.
    pub fn with_masked_k_bias(name: String, inputs: i64, outputs: i64, bias: bool) -> Self {
        let bias_mask = bias.then(|| uninitialised(&[outputs]));
        Self { bias_mask, ..Self::new(name, inputs, outputs, bias) }
    }

    /// Sets truncated normal weights (std 0.02), a zero bias, and the mask that is zero over the middle third.
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
    pub fn forward(&self, x: &Tensor, hooks: &mut Hooks) -> Tensor {
        let weight = hooks.operand(&self.name, "weight", &self.weight);
        let bias = self.bias.as_ref().map(|bias| hooks.operand(&self.name, "bias", bias));
        let mask = self.bias_mask.as_ref().map(|mask| hooks.operand(&self.name, "bias_mask", mask));
        let masked = bias.as_deref().zip(mask.as_deref()).map(|(bias, mask)| bias * mask.to_kind(bias.kind()));
        let y = x.linear(&weight, masked.as_ref().or(bias.as_deref()));
        hooks.output(&self.name, y)
    }

    /// The number of inputs.
    pub fn inputs(&self) -> i64 {
        self.weight.size()[1]
    }

    /// Shows the input of this layer, `<name>:in`, then applies it.
    pub fn forward_with_input(&self, x: &Tensor, hooks: &mut Hooks) -> Tensor {
        let x = hooks.input(&self.name, x);
        self.forward(&x, hooks)
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
        }
    }
}
