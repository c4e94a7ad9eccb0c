//! The Gram loss, which makes the student's patches as similar to each other as the Gram teacher's
//! (`dinov3/loss/gram_loss.py`, `SSLMetaArch.get_gram_teacher_output`).

use dinov3_config::{GramLoss, Negatives, ResizeMethod};
use tch::{Kind, Reduction, Tensor};

use super::normalize;
use crate::module::at_least_float;

const EPS: f64 = 1e-12;

/// `GramLoss`: the mean square difference of the Gram matrices of `student` and `teacher`, both `[B, N, D]`, or `[M, D]` for a choice of
/// patches. `img_level` takes one matrix per image, otherwise one over all patches of the batch. Gives a scalar in fp32 at least.
pub fn gram_loss(options: GramLoss, student: &Tensor, teacher: &Tensor, img_level: bool) -> Tensor {
    let mut target = similarities(options, teacher, img_level);
    let mut ours = similarities(options, student, img_level);
    match options.negatives {
        Negatives::Keep => {}
        Negatives::Remove => {
            target = without_negatives(&target);
            ours = without_negatives(&ours);
        }
        Negatives::RemoveTeachers => target = without_negatives(&target),
    }
    ours.mse_loss(&target, Reduction::Mean)
}

fn similarities(options: GramLoss, features: &Tensor, img_level: bool) -> Tensor {
    let mut x = at_least_float(features);
    if options.normalized {
        x = normalize(&x, EPS);
    }
    if !img_level && x.dim() == 3 {
        x = x.flatten(0, 1);
    }
    x.matmul(&x.transpose(-1, -2))
}

fn without_negatives(similarities: &Tensor) -> Tensor {
    similarities.masked_fill(&similarities.lt(0.0), 0.0)
}

/// Resizes patches `[B, from · from, D]` of a square grid to `[B, to · to, D]`, as `nn.functional.interpolate` does.
pub fn resize_patches(patches: &Tensor, (from, to): (i64, i64), method: ResizeMethod, antialias: bool) -> Tensor {
    let grid = patches.transpose(-2, -1).unflatten(-1, [from, from]);
    let (size, none) = ([to, to], None::<f64>);
    let grid = match (method, antialias) {
        (ResizeMethod::Bicubic, false) => grid.upsample_bicubic2d(size, false, none, none),
        (ResizeMethod::Bicubic, true) => grid.internal_upsample_bicubic2d_aa(size, false, none, none),
        (ResizeMethod::Bilinear, false) => grid.upsample_bilinear2d(size, false, none, none),
        (ResizeMethod::Bilinear, true) => grid.internal_upsample_bilinear2d_aa(size, false, none, none),
    };
    grid.flatten(-2, -1).transpose(-2, -1)
}

/// The patches that `gram.tokens_used` chooses: `[B, N, D]` and a bool mask `[B, N]` give `[M, D]`.
pub fn chosen(patches: &Tensor, mask: &Tensor) -> Tensor {
    debug_assert_eq!(mask.kind(), Kind::Bool);
    patches.index(&[Some(mask)])
}
