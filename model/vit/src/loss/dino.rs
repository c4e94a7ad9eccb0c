//! DINO's loss on CLS tokens (`dinov3/loss/dino_clstoken_loss.py`).

use dinov3_torch::device::{HOST, beside};
use tch::{Kind, Tensor};

use crate::module::at_least_float;

/// The temperature of the student. No option of the reference changes it.
pub const STUDENT_TEMP: f64 = 0.1;

/// Cross-entropy between teacher and student over every pair of their crops of an image.
///
/// `student_logits` is `[S, B, K]`; `teacher_probs` is `[T, B, K]`, with sums of one over K. `ignore_diagonal` leaves out the pair of the same
/// crop. Gives a scalar in fp32 at least: the mean over images and pairs.
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
    let zeros = beside(&Tensor::zeros([diagonal], (loss.kind(), HOST)), &loss);
    loss.diagonal_scatter(&zeros, 0, 0, 1).sum(None) / (pairs - batch * diagonal)
}
