//! The options of the losses: what the Gram loss compares, and whose neighbours KoLeo looks for.

use serde::Serialize;

/// What becomes of negative similarities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Negatives {
    /// They count.
    Keep,
    /// `gram.remove_neg`: zero on both sides.
    Remove,
    /// `gram.remove_only_teacher_neg`: zero on the teacher's side. On the student's too where both are negative, says the
    /// reference, but by then the teacher's are zero and no pair is left: the student's stay.
    RemoveTeachers,
}

/// `GramLoss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GramLoss {
    /// `gram.normalized`: cosines rather than dot products.
    pub normalized: bool,
    /// What becomes of negative similarities.
    pub negatives: Negatives,
}

/// `gram.global_teacher_resize_method`: those of `interpolate` that take two dimensions and `align_corners`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ResizeMethod {
    /// `bicubic`.
    Bicubic,
    /// `bilinear`.
    Bilinear,
}

/// `KoLeoLossDistributed`: whose neighbours count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Distributed {
    /// `dino.koleo_topk`: so many nearest neighbours.
    pub topk: i64,
    /// `dino.koleo_distributed_loss_group_size`: images that are looked for neighbours in; `None`: those of all ranks.
    pub group_size: Option<i64>,
}
