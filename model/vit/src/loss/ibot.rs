//! iBOT's loss on masked patches (`dinov3/loss/ibot_patch_loss.py`).

use tch::{Kind, Tensor};

use super::dino::STUDENT_TEMP;
use crate::module::at_least_float;

/// `lossfunc`: the negative cross-entropy of each token. `[.., K] -> [..]`.
fn negative_cross_entropy(teacher_probs: &Tensor, student_logits: &Tensor) -> Tensor {
    let log_probs = (at_least_float(student_logits) / STUDENT_TEMP).log_softmax(-1, None::<Kind>);
    (at_least_float(teacher_probs) * log_probs).sum_dim_intlist(&[-1i64][..], false, None::<Kind>)
}

/// The number of masked patches of each image, at least one: `[B, N]` bool gives `[B]`.
fn masked_patches(masks: &Tensor) -> Tensor {
    masks.sum_dim_intlist(&[-1i64][..], false, Kind::Int64).clamp_min(1.0)
}

/// The weight of each masked patch: one over the number of masked patches of its image. `[B, N]` bool gives `[M]` fp32.
pub fn weight_of(masks: &Tensor) -> Tensor {
    masked_patches(masks).reciprocal().unsqueeze(-1).expand_as(masks).masked_select(masks)
}

/// `forward_masked`, on the masked patches alone: logits and probabilities `[M, K]`, and a weight for each patch, `[M]` (by default one over
/// the number of masked patches of its image).
///
/// The sum is divided by the number of images, masked or not: `masks` is `[2 B, N]` bool, and half of its rows are usually empty.
pub fn forward_masked(
    student_logits: &Tensor,
    teacher_probs: &Tensor,
    masks: &Tensor,
    masks_weight: Option<&Tensor>,
) -> Tensor {
    let loss = negative_cross_entropy(teacher_probs, student_logits);
    let weight = masks_weight.map_or_else(|| weight_of(masks), Tensor::shallow_clone);
    let loss = loss * weight;
    -loss.sum(None) / masks.size()[0]
}

/// `forward`: logits and probabilities of all patches, `[B, N, K]`, of which those in `masks`, `[B, N]`, count. An image without masked patches
/// counts as zero.
pub fn forward(student_logits: &Tensor, teacher_probs: &Tensor, masks: &Tensor) -> Tensor {
    let loss = negative_cross_entropy(teacher_probs, student_logits) * masks.to_kind(Kind::Float);
    let per_image = masked_patches(masks);
    -(loss.sum_dim_intlist(&[-1i64][..], false, None::<Kind>) / per_image).mean(None::<Kind>)
}
