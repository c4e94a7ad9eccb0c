//! Weights that a run starts from: what the reference's `init_weights` reads after it has drawn its own.

use std::path::Path;

use dinov3_vit::meta_arch::SslMetaArch;

use super::Trainer;
use crate::weights::{Loaded, WeightsError, load_some};

impl Trainer {
    /// Reads the checkpoints that the config names: `gram.ckpt` into a Gram teacher of its own (its backbone alone),
    /// `student.resume_from_teacher_chkpt` into student and average, `distillation.checkpoint_path` (unless it is `ignore`) into a
    /// frozen teacher. To be called after [`Trainer::init_weights`]. Gives what was read of each, in this order.
    ///
    /// # Errors
    /// When a file cannot be read or does not fit the network.
    pub fn load_checkpoints(&mut self) -> Result<Vec<Loaded>, WeightsError> {
        let checkpoints = self.config.checkpoints.clone();
        let mut loaded = Vec::new();
        if let (Some(path), Some(backbone)) = (&checkpoints.gram, SslMetaArch::new_gram_teacher(&self.config)) {
            // The reference skips heads by name, and refuses what else is no part of a backbone.
            let wanted = |name: &str| !is_center(name) && !name.contains("dino_head") && !name.contains("ibot_head");
            loaded.push(load_some(&backbone, "gram_teacher", Path::new(path), wanted)?);
            self.take_gram_teacher(&backbone);
        }
        let wanted = |name: &str| !is_center(name);
        if let Some(path) = &checkpoints.student {
            let student = SslMetaArch::new_student(&self.config);
            loaded.push(load_some(&student, "student", Path::new(path), wanted)?);
            self.take_student(&student);
        }
        if let (Some(path), Some(network)) = (&checkpoints.frozen_teacher, SslMetaArch::new_distilled(&self.config)) {
            loaded.push(load_some(&network, "teacher", Path::new(path), wanted)?);
            self.take_distilled(&network);
        }
        Ok(loaded)
    }
}

/// The centers of softmax centering are saved by nothing that Sinkhorn-Knopp trains; the reference skips them by name too.
fn is_center(name: &str) -> bool {
    name.contains("dino_loss.center") || name.contains("ibot_patch_loss.center")
}
