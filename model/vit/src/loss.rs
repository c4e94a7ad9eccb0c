//! The losses of DINOv3 (`dinov3/loss`): DINO on CLS tokens, iBOT on masked patches, KoLeo, Gram.
//!
//! Each loss computes in fp32 at least, whatever the dtype of its inputs, except KoLeo, which keeps their dtype. The teacher's side never has a
//! gradient.

pub mod dino;
pub mod gram;
pub mod ibot;
pub mod koleo;
pub mod sinkhorn;

use tch::{Kind, Tensor, no_grad};

use dinov3_ranks::{Group, GroupError};
use dinov3_torch::device::{Device, empty};
use dinov3_torch::shim;

/// `nn.functional.normalize(x, p=2, dim=-1, eps)`.
pub(crate) fn normalize(x: &Tensor, eps: f64) -> Tensor {
    let norm = shim::l2_norm(x, -1).expect("features are floating-point");
    x / norm.clamp_min(eps).expand_as(x)
}

/// Softmax centering: the teacher's logits minus their running mean. `DINOLoss` and `iBOTPatchLoss` offer it beside Sinkhorn-Knopp, and
/// `SSLMetaArch` refuses it in a config.
///
/// An update takes effect at the next centering, as in the reference, which overlaps the reduction of the update with other work.
#[derive(Debug)]
pub struct SoftmaxCentering {
    center: Tensor,
    pending: Option<Tensor>,
}

const CENTER_MOMENTUM: f64 = 0.9;

impl SoftmaxCentering {
    /// A center of zeros, `[1, K]`, for the logits of CLS tokens, `[N, K]`.
    pub fn of_cls(prototypes: i64, (kind, device): (Kind, Device)) -> Self {
        Self { center: empty(&[1, prototypes], kind, device).zero_(), pending: None }
    }

    /// A center of zeros, `[1, 1, K]`, for the logits of patches, `[B, N, K]`.
    pub fn of_patches(prototypes: i64, (kind, device): (Kind, Device)) -> Self {
        Self { center: empty(&[1, 1, prototypes], kind, device).zero_(), pending: None }
    }

    /// `softmax_center_teacher`: logits to probabilities of their shape, after a pending update of the center.
    pub fn probabilities(&mut self, logits: &Tensor, temperature: f64) -> Tensor {
        if let Some(mean) = self.pending.take() {
            self.center = &self.center * CENTER_MOMENTUM + mean * (1.0 - CENTER_MOMENTUM);
        }
        no_grad(|| ((logits - &self.center) / temperature).softmax(-1, None::<Kind>))
    }

    /// `update_center`: averages these logits over the patches of an image, the images and the ranks. The mean enters the center at the next
    /// centering.
    ///
    /// # Errors
    /// If a rank is gone.
    pub fn update(&mut self, logits: &Tensor, group: &dyn Group) -> Result<(), GroupError> {
        let mut sum = no_grad(|| {
            let of_image = match logits.dim() {
                3 => logits.mean_dim(&[1i64][..], false, None::<Kind>),
                _ => logits.shallow_clone(),
            };
            of_image.sum_dim_intlist(&[0i64][..], true, None::<Kind>)
        });
        group.all_reduce_(&mut sum)?;
        self.pending = Some(sum / (logits.size()[0] * group.size() as i64));
        Ok(())
    }

    /// The center, without a pending update.
    pub fn center(&self) -> &Tensor {
        &self.center
    }
}
