//! The losses of DINOv3 (`dinov3/loss`): DINO on CLS tokens, iBOT on masked patches, KoLeo, Gram.
//!
//! All of them compute in fp32 at least, whatever the dtype of what they are given, except KoLeo, which keeps it. A teacher's
//! side never has a gradient.

pub mod dino;
pub mod gram;
pub mod ibot;
pub mod koleo;
pub mod sinkhorn;

use tch::Tensor;

use crate::shim;

/// `nn.functional.normalize(x, p=2, dim=-1, eps)`.
pub(crate) fn normalize(x: &Tensor, eps: f64) -> Tensor {
    let norm = shim::l2_norm(x, -1).expect("features are floating-point");
    x / norm.clamp_min(eps).expand_as(x)
}

/// The running mean of teacher outputs that softmax centering subtracts, as `DINOLoss` and `iBOTPatchLoss` keep it.
///
/// An update is kept back until the next centering asks for it, as in the reference, which overlaps its reduction with
/// other work.
#[derive(Debug)]
pub struct Center {
    value: Tensor,
    momentum: f64,
    pending: Option<Tensor>,
}

impl Center {
    /// Zero, in the shape of `value`.
    fn zeros(shape: &[i64], like: (tch::Kind, tch::Device)) -> Self {
        Self { value: Tensor::zeros(shape, like), momentum: 0.9, pending: None }
    }

    /// The center itself; without an update that is still pending.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// `apply_center_update`.
    fn apply(&mut self) {
        if let Some(mean) = self.pending.take() {
            self.value = &self.value * self.momentum + mean * (1.0 - self.momentum);
        }
    }
}
