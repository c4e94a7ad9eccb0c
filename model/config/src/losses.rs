//! The options of the Gram loss and of KoLeo.

use serde::Serialize;

/// The treatment of negative similarities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Negatives {
    /// They are kept.
    Keep,
    /// `gram.remove_neg`: they become zero on both sides.
    Remove,
    /// `gram.remove_only_teacher_neg`: they become zero on the teacher's side. The reference's code also zeroes the
    /// student's similarity if both are negative, but the teacher's similarities are already zero at that point, so the
    /// student's stay.
    RemoveTeachers,
}

/// `GramLoss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GramLoss {
    /// `gram.normalized`: whether similarities are cosines instead of dot products.
    pub normalized: bool,
    /// The treatment of negative similarities.
    pub negatives: Negatives,
}

/// `gram.global_teacher_resize_method`: the modes of `interpolate` that accept two dimensions and `align_corners`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ResizeMethod {
    /// `bicubic`.
    Bicubic,
    /// `bilinear`.
    Bilinear,
}

/// The options of `KoLeoLossDistributed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Distributed {
    /// `dino.koleo_topk`: the number of nearest neighbours.
    pub topk: i64,
    /// `dino.koleo_distributed_loss_group_size`: the number of images among which neighbours are searched; `None`: the
    /// images of all ranks.
    pub group_size: Option<i64>,
}
