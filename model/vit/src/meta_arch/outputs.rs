//! The outputs of the networks: `get_teacher_output`, `get_student_output`, `get_gram_teacher_output`.

use dinov3_config::{GramConfig, TokensUsed};
use dinov3_names::Kind as EntryKind;
use dinov3_ranks::GroupError;
use tch::{Tensor, no_grad};

use super::{Batch, Shares, SslMetaArch};
use crate::hook::Hooks;
use crate::loss::gram;
use crate::vit::Crops;

/// The teacher's outputs, before centering.
#[derive(Debug)]
pub struct TeacherOutput {
    /// `[2 B, N, D]`: patch tokens.
    pub patches: Tensor,
    /// `[2 B, K]`: logits of the CLS tokens.
    pub cls_after_head: Tensor,
    /// `[M, K]`: logits of the patches that are masked in the student's crops.
    pub masked_patch_after_head: Tensor,
}

/// The student's outputs.
#[derive(Debug)]
pub struct StudentOutput {
    /// `[2 B, D]`: CLS tokens of the global crops.
    pub global_cls_pre_head: Tensor,
    /// `[2 B, N, D]`: patch tokens of the global crops.
    pub global_patches: Tensor,
    /// `[2 B, K]`.
    pub global_cls_after_head: Tensor,
    /// `[n B, K]`.
    pub local_cls_after_head: Tensor,
    /// `[M, K]`.
    pub masked_patch_after_head: Tensor,
}

/// The inputs of the Gram loss.
#[derive(Debug)]
pub struct GramOutput {
    /// The student's patches: all, `[2 B, N, D]`, or those that `gram.tokens_used` chooses, `[M, D]`.
    pub student: Tensor,
    /// The Gram teacher's patches, likewise.
    pub teacher: Tensor,
    /// All patches of the student, for the statistics.
    pub all_student: Tensor,
    /// All patches of the Gram teacher, for the statistics.
    pub all_teacher: Tensor,
}

impl SslMetaArch {
    /// `get_teacher_output`, up to the logits: the global crops, unmasked, in evaluation mode.
    pub fn teacher_output(&self, batch: &Batch, hooks: &mut Hooks) -> TeacherOutput {
        no_grad(|| {
            let network = self.acting_teacher();
            let crops = Crops { images: &batch.global_crops, masks: None };
            let features = network.backbone.forward_features(crops, false, hooks);
            let masked = features.patches.flatten(0, 1).index_select(0, &batch.mask_indices);
            let masked_patch_after_head = network.ibot_head.forward(&masked, hooks);
            let cls_after_head = network.dino_head.forward(&features.cls, hooks);
            TeacherOutput { patches: features.patches, cls_after_head, masked_patch_after_head }
        })
    }

    /// The same as `MultiDistillationMetaArch` computes it, of the crops `[2 b, 3, H, W]` that this rank has loaded: iBOT's head without its last
    /// layer on every patch. Each rank of a student is sent the few features of its images, and computes the last layer on those that `batch`,
    /// the student's, masks.
    ///
    /// # Errors
    /// When a rank is gone.
    pub fn shared_teacher_output(
        &self,
        loaded: &Tensor,
        batch: &Batch,
        shares: &Shares,
        hooks: &mut Hooks,
    ) -> Result<TeacherOutput, GroupError> {
        no_grad(|| {
            let network = self.acting_teacher();
            let crops = Crops { images: loaded, masks: None };
            let features = network.backbone.forward_features(crops, false, hooks);
            let tokens = features.patches.size()[1];
            // Half of the rows are of the first crops.
            let share = |rows: &Tensor, each| {
                shares.of(&rows.unflatten(0, [2, rows.size()[0] / 2]), each).map(|share| share.flatten(0, 1))
            };
            let bottleneck = network.ibot_head.without_last_layer(&features.patches.flatten(0, 1), hooks);
            let masked = share(&bottleneck, tokens)?.index_select(0, &batch.mask_indices);
            let masked_patch_after_head = network.ibot_head.only_last_layer(&masked, hooks);
            let cls = share(&network.dino_head.without_last_layer(&features.cls, hooks), 1)?;
            let cls_after_head = network.dino_head.only_last_layer(&cls, hooks);
            Ok(TeacherOutput { patches: features.patches, cls_after_head, masked_patch_after_head })
        })
    }

    /// `get_student_output`: global crops with their masks (none in distillation) and local crops, jointly, in training mode.
    pub fn student_output(&self, batch: &Batch, hooks: &mut Hooks) -> StudentOutput {
        let network = &self.student;
        let masks = Some(&batch.masks).filter(|_| self.distilled.is_none());
        let global = Crops { images: &batch.global_crops, masks };
        let local = Crops { images: &batch.local_crops, masks: None };
        let features = network.backbone.forward_features_of_list(&[global, local], true, hooks);
        let (global, local) = (&features[0], &features[1]);
        let masked = global.patches.flatten(0, 1).index_select(0, &batch.mask_indices);
        let masked_patch_after_head = network.ibot_head.forward(&masked, hooks);
        let sizes = [global.cls.size()[0], local.cls.size()[0]];
        let cls = Tensor::cat(&[&global.cls, &local.cls], 0);
        let mut logits = network.dino_head.forward(&cls, hooks).split_with_sizes(&sizes[..], 0).into_iter();
        let mut next = || logits.next().expect("two sizes were asked for");
        StudentOutput {
            global_cls_pre_head: global.cls.shallow_clone(),
            global_patches: global.patches.shallow_clone(),
            global_cls_after_head: next(),
            local_cls_after_head: next(),
            masked_patch_after_head,
        }
    }

    /// `get_gram_teacher_output`, shown as `gram:student_patches` and `gram:teacher_patches`. `None` if a separate Gram teacher has no crops.
    pub fn gram_output(
        &self,
        config: &GramConfig,
        batch: &Batch,
        teacher: &TeacherOutput,
        student: &StudentOutput,
        hooks: &mut Hooks,
    ) -> Option<GramOutput> {
        let all_student = student.global_patches.shallow_clone();
        let all_teacher = match &self.gram_teacher {
            None => teacher.patches.shallow_clone(),
            Some(backbone) => {
                let images = batch.gram_teacher_crops.as_ref()?;
                let crops = Crops { images, masks: None };
                let patches = no_grad(|| backbone.forward_features(crops, false, hooks).patches);
                fitted(config, patches, &all_student)
            }
        };
        let unmasked = || batch.masks.logical_not();
        let choose = |patches: &Tensor| match config.tokens_used {
            TokensUsed::All => patches.shallow_clone(),
            TokensUsed::Masked => gram::chosen(patches, &batch.masks),
            TokensUsed::Unmasked => gram::chosen(patches, &unmasked()),
        };
        let student = hooks.value(EntryKind::Gram.of("student_patches"), choose(&all_student));
        let teacher = hooks.value(EntryKind::Gram.of("teacher_patches"), choose(&all_teacher));
        Some(GramOutput { student, teacher, all_student, all_teacher })
    }
}

/// The Gram teacher's patches on the student's grid; both grids are square.
fn fitted(config: &GramConfig, patches: Tensor, student: &Tensor) -> Tensor {
    let side = |tokens: i64| (tokens as f64).sqrt().round() as i64;
    let (from, to) = (side(patches.size()[1]), side(student.size()[1]));
    if from == to {
        return patches;
    }
    no_grad(|| gram::resize_patches(&patches, (from, to), config.resize_method, config.resize_antialias))
}
