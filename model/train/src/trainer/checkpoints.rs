//! Weights that a run starts from: what the reference's `init_weights` reads after it has drawn its own.

use std::collections::HashMap;
use std::path::Path;

use dinov3_vit::meta_arch::SslMetaArch;
use tch::Tensor;

use super::Trainer;
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
        if let (Some(path), Some(backbone)) = (&checkpoints.gram, SslMetaArch::new_gram_teacher(&self.config)) {
            let mut tensors = without_centers(weights::read_checkpoint(Path::new(path))?);
            // The reference skips these by name, and refuses what else is no part of a backbone.
            tensors.retain(|name, _| !name.contains("dino_head") && !name.contains("ibot_head"));
            weights::assign(&backbone, "gram_teacher", tensors)?;
            self.take_gram_teacher(&backbone);
        }
        if let Some(path) = &checkpoints.student {
            let student = SslMetaArch::new_student(&self.config);
            weights::assign(&student, "student", without_centers(weights::read_checkpoint(Path::new(path))?))?;
            self.take_student(&student);
        }
        if let (Some(path), Some(network)) = (&checkpoints.frozen_teacher, SslMetaArch::new_distilled(&self.config)) {
            weights::assign(&network, "teacher", without_centers(weights::read_checkpoint(Path::new(path))?))?;
            self.take_distilled(&network);
        }
        Ok(())
    }
}

/// The centers of softmax centering are saved by nothing that Sinkhorn-Knopp trains; the reference skips them by name too.
fn without_centers(mut tensors: HashMap<String, Tensor>) -> HashMap<String, Tensor> {
    tensors.retain(|name, _| !name.contains("dino_loss.center") && !name.contains("ibot_patch_loss.center"));
    tensors
}
