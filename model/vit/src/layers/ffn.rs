//! The feed-forward half of a block: `Mlp` and `SwiGLUFFN` (`dinov3/layers/ffn_layers.py`).

use dinov3_config::FfnLayer;
use tch::Tensor;

use crate::hook::Hooks;
use crate::layers::linear::Linear;
use crate::module::{Module, Role};

/// The exact GELU.
pub(crate) fn gelu(x: &Tensor) -> Tensor {
    x.gelu("none")
}

/// A feed-forward network of either kind.
#[derive(Debug)]
pub enum Ffn {
    /// `fc2(gelu(fc1(x)))`.
    Mlp {
        /// The module path.
        name: String,
        /// `[hidden, D]`.
        fc1: Linear,
        /// `[D, hidden]`.
        fc2: Linear,
    },
    /// `w3(silu(w1(x)) * w2(x))`.
    SwiGlu {
        /// `[hidden, D]`, the gate.
        w1: Linear,
        /// `[hidden, D]`.
        w2: Linear,
        /// `[D, hidden]`.
        w3: Linear,
    },
}

impl Ffn {
    /// An uninitialised network at the module path `name`. SwiGLU takes two thirds of `hidden`, rounded up.
    pub fn new(name: String, layer: FfnLayer, dim: i64, hidden: i64, bias: bool) -> Self {
        let linear = |key: &str, inputs, outputs| Linear::new(format!("{name}.{key}"), inputs, outputs, bias);
        match layer.align_to() {
            None => Ffn::Mlp { fc1: linear("fc1", dim, hidden), fc2: linear("fc2", hidden, dim), name },
            Some(align_to) => {
                let two_thirds = (hidden as f64 * 2.0 / 3.0) as i64;
                let hidden = (two_thirds + align_to - 1) / align_to * align_to;
                Ffn::SwiGlu {
                    w1: linear("w1", dim, hidden),
                    w2: linear("w2", dim, hidden),
                    w3: linear("w3", hidden, dim),
                }
            }
        }
    }

    /// Initialises the linear layers in the order of the reference.
    pub fn init_weights(&mut self) {
        match self {
            Ffn::Mlp { fc1, fc2, .. } => [fc1, fc2].into_iter().for_each(Linear::init_weights),
            Ffn::SwiGlu { w1, w2, w3 } => [w1, w2, w3].into_iter().for_each(Linear::init_weights),
        }
    }

    /// `[.., D] -> [.., D]`.
    pub fn forward(&self, x: &Tensor, hooks: &mut Hooks) -> Tensor {
        match self {
            Ffn::Mlp { name, fc1, fc2 } => {
                let hidden = gelu(&fc1.forward(x, hooks));
                let hidden = hooks.output(format_args!("{name}.act"), hidden);
                fc2.forward(&hidden, hooks)
            }
            Ffn::SwiGlu { w1, w2, w3 } => {
                let gate = w1.forward(x, hooks);
                let hidden = gate.silu() * w2.forward(x, hooks);
                w3.forward_with_input(&hidden, hooks)
            }
        }
    }
}

impl Module for Ffn {
    fn map_tensors(&self, f: &mut dyn FnMut(&str, Role, &Tensor) -> Tensor) -> Self {
        match self {
            Ffn::Mlp { name, fc1, fc2 } => {
                Ffn::Mlp { name: name.clone(), fc1: fc1.map_tensors(f), fc2: fc2.map_tensors(f) }
            }
            Ffn::SwiGlu { w1, w2, w3 } => {
                Ffn::SwiGlu { w1: w1.map_tensors(f), w2: w2.map_tensors(f), w3: w3.map_tensors(f) }
            }
        }
    }
}
