//! Image to patch tokens (`dinov3/layers/patch_embed.py`).

use tch::Tensor;

use crate::hook::Hooks;
use crate::init;
use crate::module::{Module, Role, uninitialised};

/// A convolution whose kernel and stride are the patch.
#[derive(Debug)]
pub struct PatchEmbed {
    name: String,
    patch_size: i64,
    /// `[D, 3, P, P]`.
    pub weight: Tensor,
    /// `[D]`.
    pub bias: Tensor,
}

/// The channels of an image: RGB, the only number that the reference's builder passes.
const IN_CHANNELS: i64 = 3;

impl PatchEmbed {
    /// An uninitialised layer; patches are `patch_size` pixels square.
    pub fn new(name: String, patch_size: i64, embed_dim: i64) -> Self {
        Self {
            name,
            patch_size,
            weight: uninitialised(&[embed_dim, IN_CHANNELS, patch_size, patch_size]),
            bias: uninitialised(&[embed_dim]),
        }
    }

    /// Draws weight and bias uniformly within ±1/sqrt(fan-in): the convolution's default, not that of linear layers.
    pub fn init_weights(&mut self) {
        let fan_in = (IN_CHANNELS * self.patch_size * self.patch_size) as f64;
        let bound = (1.0 / fan_in).sqrt();
        init::uniform_(&mut self.weight, bound);
        init::uniform_(&mut self.bias, bound);
    }

    /// `[B, 3, H, W] -> [B, H/P, W/P, D]`. Pixels beyond the last whole patch are dropped, as the reference does.
    pub fn forward(&self, images: &Tensor, hooks: &mut Hooks) -> Tensor {
        let patch = [self.patch_size, self.patch_size];
        let proj = format_args!("{}.proj", self.name);
        let (weight, bias) = (hooks.operand(proj, "weight", &self.weight), hooks.operand(proj, "bias", &self.bias));
        let x = hooks.output(proj, images.conv2d(&weight, Some(&*bias), patch, [0, 0], [1, 1], 1));
        let size = x.size();
        hooks.output(&self.name, x.flatten(2, -1).transpose(1, 2).reshape([-1, size[2], size[3], size[1]]))
    }
}

impl Module for PatchEmbed {
    fn map_tensors(&self, f: &mut dyn FnMut(&str, Role, &Tensor) -> Tensor) -> Self {
        let mut at = |key: &str, t: &Tensor| f(&format!("{}.proj.{key}", self.name), Role::Parameter, t);
        Self {
            name: self.name.clone(),
            patch_size: self.patch_size,
            weight: at("weight", &self.weight),
            bias: at("bias", &self.bias),
        }
    }
}
