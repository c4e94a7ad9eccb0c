//! The networks that follow the student: its moving average, and the Gram teacher.

use dinov3_config::{GramTeacher, GramUpdates};
use dinov3_torch::shim::{self, ShimError};
use dinov3_vit::hook::Hooks;
use dinov3_vit::meta_arch::{SslMetaArch, warm};
use dinov3_vit::module::copy_buffers;
use dinov3_vit::vit::VisionTransformer;
use tch::no_grad;

use super::Trainer;

impl Trainer {
    /// Draws weights for a separate Gram teacher, and warms them. Golden sets have these in place of a checkpoint.
    pub fn init_gram_teacher(&mut self, scale: f64) {
        if let Some(mut fresh) = SslMetaArch::new_gram_teacher(&self.config) {
            fresh.init_weights();
            if scale > 0.0 {
                warm(&fresh, scale);
            }
            self.take_gram_teacher(&fresh);
        }
    }

    /// Makes `backbone` the Gram teacher, if the config has one.
    pub(super) fn take_gram_teacher(&mut self, backbone: &VisionTransformer) {
        if let (Some(weights), Some(mine)) = (&self.weights.gram_teacher, &self.arch.gram_teacher) {
            weights.assign(backbone);
            copy_buffers(mine, backbone);
            self.arch.gram_teacher_initialized = true;
        }
    }

    /// `gram_load_ema_teacher`: weights and buffers of the average. Nothing without a Gram teacher of its own.
    fn load_gram_teacher(&mut self) {
        if let (Some(weights), Some(mine)) = (&self.weights.gram_teacher, &self.arch.gram_teacher) {
            // The backbone comes first in the average.
            weights.copy_from(&self.weights.teacher);
            copy_buffers(mine, &self.arch.teacher.backbone);
            self.arch.gram_teacher_initialized = true;
        }
    }

    /// `update_gram`: `0 · gram + 1 · average` of the weights alone. The buffers stay, and so does a NaN.
    fn update_gram_teacher(&mut self) -> Result<(), ShimError> {
        let Some(weights) = &self.weights.gram_teacher else { return Ok(()) };
        // The backbone comes first among the average's.
        let rows = weights.rows();
        let average = &self.weights.teacher.rows()[..rows.len()];
        no_grad(|| {
            shim::foreach_mul_(rows, 0.0)?;
            shim::foreach_add_(rows, average, 1.0)
        })
    }

    /// `teacher = momentum · teacher + (1 - momentum) · student`, in place. Both factors are shown: `average:teacher`, `average:student`.
    pub(super) fn update_ema(&self, momentum: f64, hooks: &mut Hooks) -> Result<(), ShimError> {
        let kept = hooks.number("average", "teacher", momentum);
        let added = hooks.number("average", "student", 1.0 - momentum);
        let (student, teacher) = (self.weights.student.rows(), self.weights.teacher.rows());
        no_grad(|| {
            shim::foreach_mul_(teacher, kept)?;
            shim::foreach_add_(teacher, student, added)
        })
    }

    /// Loads the teacher into the Gram teacher in the iteration that the config names (`gram.it_load_ema_teacher`).
    pub(super) fn load_gram_if_due(&mut self, it: usize) -> bool {
        let due = matches!(self.gram_teacher(), Some(GramTeacher::Own { load_ema_at: Some(at), .. }) if *at == it);
        if due {
            self.load_gram_teacher();
        }
        due
    }

    /// Updates it as often as the config says (`gram.update_frequency`).
    pub(super) fn update_gram_if_due(&mut self, it: usize) -> Result<bool, ShimError> {
        let due = self.gram_update_rule().is_some_and(|updates| updates.follows(it, self.gram_updates));
        if due {
            self.update_gram_teacher()?;
            self.gram_updates += 1;
        }
        Ok(due)
    }

    /// The iterations at which the Gram teacher takes the average's weights again.
    pub(super) fn gram_update_rule(&self) -> Option<GramUpdates> {
        match self.gram_teacher() {
            Some(GramTeacher::Own { updates, .. }) => *updates,
            _ => None,
        }
    }

    fn gram_teacher(&self) -> Option<&GramTeacher> {
        self.config.training.gram.as_ref().map(|gram| &gram.teacher)
    }
}
