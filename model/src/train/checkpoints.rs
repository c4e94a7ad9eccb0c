//! Weights that a run starts from: what the reference's `init_weights` reads after it has drawn its own.

use std::collections::HashMap;
use std::path::Path;

use tch::Tensor;

use super::Trainer;
use crate::module::Module;
use crate::weights::{self, WeightsError};

impl Trainer {
    /// Reads the checkpoints that the config names: `gram.ckpt` into a Gram teacher of its own (its backbone alone),
    /// `student.resume_from_teacher_chkpt` into student and average, `distillation.checkpoint_path` (unless it is `ignore`) into a
    /// frozen teacher. To be called after [`Trainer::init_weights`].
    ///
    /// # Errors
    /// When a file cannot be read or does not fit the network.
    pub fn load_checkpoints(&mut self) -> Result<(), WeightsError> {
        let checkpoints = self.config.checkpoints.clone();
        if let (Some(path), Some(backbone)) = (&checkpoints.gram, &self.arch.gram_teacher) {
            let mut tensors = without_centers(weights::read_checkpoint(Path::new(path))?);
            tensors.retain(|name, _| name.starts_with("backbone."));
            weights::assign(backbone, "gram_teacher", tensors)?;
            self.arch.gram_teacher_initialized = true;
        }
        if let Some(path) = &checkpoints.student {
            let tensors = without_centers(weights::read_checkpoint(Path::new(path))?);
            weights::assign(&self.arch.student, "student", tensors)?;
            self.arch.teacher.copy_values_from(&self.arch.student);
        }
        if let (Some(path), Some(distilled)) = (&checkpoints.frozen_teacher, &self.arch.distilled) {
            let tensors = without_centers(weights::read_checkpoint(Path::new(path))?);
            weights::assign(distilled, "teacher", tensors)?;
        }
        Ok(())
    }
}

/// The centers of softmax centering are saved by nothing that Sinkhorn-Knopp trains; the reference skips them by name too.
fn without_centers(mut tensors: HashMap<String, Tensor>) -> HashMap<String, Tensor> {
    tensors.retain(|name, _| !name.contains("dino_loss.center") && !name.contains("ibot_patch_loss.center"));
    tensors
}
