//! DINO's loss on CLS tokens (`dinov3/loss/dino_clstoken_loss.py`).

use tch::{Device, Kind, Tensor, no_grad};

use super::Center;
use super::sinkhorn::{ITERATIONS, Samples, sinkhorn_knopp};
use crate::dist::{Group, GroupError};
use crate::module::at_least_float;

/// Temperature of the student, which no option of the reference changes.
pub const STUDENT_TEMP: f64 = 0.1;

/// Cross-entropy between teacher and student over every pair of their crops of an image.
///
/// `student_logits` `[S, B, K]`; `teacher_probs` `[T, B, K]`, summing to one over K. With `ignore_diagonal`, the pair of the
/// same crop is left out. A scalar in fp32 at least: the mean over images and pairs.
pub fn dino_loss(student_logits: &Tensor, teacher_probs: &Tensor, ignore_diagonal: bool) -> Tensor {
    let (student_crops, batch, _) = student_logits.size3().expect("student logits are [S, B, K]");
    let (teacher_crops, _, _) = teacher_probs.size3().expect("teacher probabilities are [T, B, K]");
    let log_probs = (at_least_float(student_logits) / STUDENT_TEMP).log_softmax(-1, None::<Kind>);
    let pairs = batch * student_crops * teacher_crops;
    let path: Option<&[i64]> = None;
    if !ignore_diagonal {
        let loss = Tensor::einsum("s b k, t b k -> ", &[&log_probs, teacher_probs], path);
        return -loss / pairs;
    }
    let loss = -Tensor::einsum("s b k, t b k -> s t", &[&log_probs, teacher_probs], path);
    let diagonal = student_crops.min(teacher_crops);
    let zeros = Tensor::zeros([diagonal], (loss.kind(), loss.device()));
    loss.diagonal_scatter(&zeros, 0, 0, 1).sum(None) / (pairs - batch * diagonal)
}

/// `DINOLoss.sinkhorn_knopp_teacher`: logits `[N, K]` of this rank's CLS tokens to assignments `[N, K]`.
///
/// # Errors
/// When a rank is gone.
pub fn sinkhorn_knopp_teacher(logits: &Tensor, temperature: f64, group: &dyn Group) -> Result<Tensor, GroupError> {
    sinkhorn_knopp(logits, temperature, Samples::Equal, ITERATIONS, group)
}

/// Softmax centering, which `DINOLoss` offers beside Sinkhorn-Knopp and `SSLMetaArch` refuses to be configured with.
#[derive(Debug)]
pub struct SoftmaxCentering(Center);

impl SoftmaxCentering {
    /// A center of zeros over `prototypes`.
    pub fn new(prototypes: i64, options: (Kind, Device)) -> Self {
        Self(Center::zeros(&[1, prototypes], options))
    }

    /// `softmax_center_teacher`: logits `[N, K]` to probabilities `[N, K]`, after a pending update of the center.
    pub fn probabilities(&mut self, logits: &Tensor, temperature: f64) -> Tensor {
        self.0.apply();
        no_grad(|| ((logits - self.0.value()) / temperature).softmax(-1, None::<Kind>))
    }

    /// `update_center`: the mean of these logits, over all ranks, enters the center at the next centering.
    ///
    /// # Errors
    /// When a rank is gone.
    pub fn update(&mut self, logits: &Tensor, group: &dyn Group) -> Result<(), GroupError> {
        let mut sum = no_grad(|| logits.sum_dim_intlist(&[0i64][..], true, None::<Kind>));
        group.all_reduce_(&mut sum)?;
        self.0.pending = Some(sum / (logits.size()[0] * group.size() as i64));
        Ok(())
    }

    /// The center `[1, K]`.
    pub fn center(&self) -> &Tensor {
        self.0.value()
    }
}
