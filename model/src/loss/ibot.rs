//! iBOT's loss on masked patches (`dinov3/loss/ibot_patch_loss.py`).

use tch::{Device, Kind, Tensor, no_grad};

use super::Center;
use super::dino::STUDENT_TEMP;
use super::sinkhorn::{ITERATIONS, Samples, sinkhorn_knopp};
use crate::dist::{Group, GroupError};
use crate::module::at_least_float;

/// `lossfunc`: the cross-entropy, with its sign turned, of each token. `[.., K] -> [..]`.
fn negative_cross_entropy(teacher_probs: &Tensor, student_logits: &Tensor) -> Tensor {
    let log_probs = (at_least_float(student_logits) / STUDENT_TEMP).log_softmax(-1, None::<Kind>);
    (at_least_float(teacher_probs) * log_probs).sum_dim_intlist(&[-1i64][..], false, None::<Kind>)
}

/// `forward_masked`, on the masked patches alone: logits and probabilities `[M, K]`, and what each patch counts, `[M]` (by
/// default one over the number of masked patches of its image).
///
/// Divided by the number of images, masked or not: `masks` is `[2 B, N]` bool, and half of its rows are usually empty.
pub fn forward_masked(
    student_logits: &Tensor,
    teacher_probs: &Tensor,
    masks: &Tensor,
    masks_weight: Option<&Tensor>,
) -> Tensor {
    let loss = negative_cross_entropy(teacher_probs, student_logits);
    let by_image = || {
        let per_image = masks.sum_dim_intlist(&[-1i64][..], false, Kind::Int64).clamp_min(1.0);
        per_image.reciprocal().unsqueeze(-1).expand_as(masks).masked_select(masks)
    };
    let weight = masks_weight.map_or_else(by_image, Tensor::shallow_clone);
    let patches = student_logits.size()[0];
    let loss = loss.narrow(0, 0, patches) * weight;
    -loss.sum(None) / masks.size()[0]
}

/// `forward`: logits and probabilities of all patches, `[B, N, K]`; those in `masks`, `[B, N]`, count. An image without masked
/// patches counts as zero.
pub fn forward(student_logits: &Tensor, teacher_probs: &Tensor, masks: &Tensor) -> Tensor {
    let loss = negative_cross_entropy(teacher_probs, student_logits) * masks.to_kind(Kind::Float);
    let per_image = masks.sum_dim_intlist(&[-1i64][..], false, Kind::Int64).clamp_min(1.0);
    -(loss.sum_dim_intlist(&[-1i64][..], false, None::<Kind>) / per_image).mean(None::<Kind>)
}

/// `SinkhornKnoppTeacher`: logits `[M, K]` of this rank's masked patches to assignments `[M, K]`. `masked_patches`, `[1]` int64,
/// is M, and is the sum over the ranks afterwards.
///
/// # Errors
/// When a rank is gone.
pub fn sinkhorn_knopp_teacher(
    logits: &Tensor,
    temperature: f64,
    masked_patches: &mut Tensor,
    group: &dyn Group,
) -> Result<Tensor, GroupError> {
    sinkhorn_knopp(logits, temperature, Samples::Counted(masked_patches), ITERATIONS, group)
}

/// Softmax centering, which `iBOTPatchLoss` offers beside Sinkhorn-Knopp and `SSLMetaArch` refuses to be configured with.
#[derive(Debug)]
pub struct SoftmaxCentering(Center);

impl SoftmaxCentering {
    /// A center of zeros over `prototypes`.
    pub fn new(prototypes: i64, options: (Kind, Device)) -> Self {
        Self(Center::zeros(&[1, 1, prototypes], options))
    }

    /// `softmax_center_teacher`: logits `[B, N, K]` to probabilities `[B, N, K]`, after a pending update of the center.
    pub fn probabilities(&mut self, logits: &Tensor, temperature: f64) -> Tensor {
        self.0.apply();
        no_grad(|| ((logits - self.0.value()) / temperature).softmax(-1, None::<Kind>))
    }

    /// `update_center`: the mean over patches and images of these logits, `[B, N, K]`, enters the center at the next centering.
    ///
    /// # Errors
    /// When a rank is gone.
    pub fn update(&mut self, logits: &Tensor, group: &dyn Group) -> Result<(), GroupError> {
        let mut sum = no_grad(|| {
            let of_image = logits.mean_dim(&[1i64][..], false, None::<Kind>);
            of_image.sum_dim_intlist(&[0i64][..], true, None::<Kind>)
        });
        group.all_reduce_(&mut sum)?;
        self.0.pending = Some(sum / (logits.size()[0] * group.size() as i64));
        Ok(())
    }

    /// The center `[1, 1, K]`.
    pub fn center(&self) -> &Tensor {
        self.0.value()
    }
}
