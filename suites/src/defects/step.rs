//! Defects of the training step that need more than another number.

use dinov3_config::{KoLeo, Schedules, SslConfig};
use dinov3_golden::Kind;
use dinov3_train::Parts;
use dinov3_train::optim::multipliers;
use dinov3_vit::hook::Hook;
use dinov3_vit::loss::koleo;
use tch::Tensor;

use super::Scope;

/// Biases decay like the weights beside them.
pub(super) fn weight_decay_on_biases(parts: &mut Parts) {
    parts.multipliers = |name, blocks, optim| multipliers(&name.replace("bias", "weight"), blocks, optim);
}

/// The CLS token's norm for local crops decays like the weights.
pub(super) fn weight_decay_on_untied_norms(parts: &mut Parts) {
    parts.multipliers = |name, blocks, optim| multipliers(&name.replace("local_cls_norm", "local_cls"), blocks, optim);
}

/// Curves end where the run does, as if none were cut off.
pub(super) fn no_longer_curve(config: &mut SslConfig) {
    if let Schedules::V1(schedules) = &mut config.training.schedules {
        schedules.trunc_extra = 0.0;
    }
}

/// Each rank of several students counts the images of all ranks as its own.
pub(super) fn global_batch_on_each_rank(config: &mut SslConfig) {
    if let Some(images) = config.training.global_batch_size {
        config.training.batch_size_per_gpu = images;
    }
}

/// KoLeo finds the nearest neighbours among all images, not within their groups.
pub(super) fn koleo_without_groups(config: &mut SslConfig) {
    if let KoLeo::Distributed(distributed) = &mut config.training.koleo {
        distributed.group_size = None;
    }
}

/// KoLeo of an image without another one is nothing.
pub(super) fn koleo_of_one_image_is_nothing(_: &Scope) -> Box<dyn Hook> {
    let mut alone = false;
    Box::new(move |name: &str, value: &Tensor| match name {
        // [2 B, D]: the global crops.
        "student.backbone:0.x_norm_clstoken" => {
            alone = value.size()[0] == 2;
            None
        }
        "loss:koleo_loss" if alone => Some(value * 0.0),
        _ => None,
    })
}

/// The Gram loss is divided by the ranks, whose gradients are averaged as it is.
pub(super) fn gram_divided_by_ranks(scope: &Scope) -> Box<dyn Hook> {
    let ranks = scope.ranks as f64;
    Box::new(move |name: &str, value: &Tensor| (name == "loss:gram_loss").then(|| value / ranks))
}

/// The targets of a frozen teacher are divided by the ranks.
pub(super) fn targets_divided_by_ranks(scope: &Scope) -> Box<dyn Hook> {
    let ranks = if scope.config.distillation_enabled { scope.ranks as f64 } else { 1.0 };
    Box::new(move |name: &str, value: &Tensor| (name == "sinkhorn:dino" && ranks > 1.0).then(|| value / ranks))
}

/// Gradients are averaged over the ranks.
pub(super) fn gradient_averaged(scope: &Scope) -> Box<dyn Hook> {
    let ranks = scope.ranks as f64;
    Box::new(move |name: &str, value: &Tensor| Kind::Grad.path_in(name).map(|_| value / ranks))
}

/// Gradients are clipped by the norm of all of them.
pub(super) fn clip_all_together(_: &Scope) -> Box<dyn Hook> {
    let (mut norms, mut clipped) = (Vec::new(), false);
    Box::new(move |name: &str, value: &Tensor| {
        if Kind::Grad.path_in(name).is_some() {
            if std::mem::take(&mut clipped) {
                norms.clear();
            }
            norms.push(value.norm());
        }
        Kind::GradNorm.path_in(name)?;
        clipped = true;
        Some(Tensor::stack(&norms, 0).norm())
    })
}

/// KoLeo on features that are not on the unit sphere.
pub(super) fn koleo_not_normalised(_: &Scope) -> Box<dyn Hook> {
    let mut class = None;
    Box::new(move |name: &str, value: &Tensor| match name {
        // [2 B, D]: the global crops.
        "student.backbone:0.x_norm_clstoken" => {
            class = Some(value.shallow_clone());
            None
        }
        "loss:koleo_loss" => {
            let crops: Vec<Tensor> = class.take().map(|class: Tensor| class.chunk(2, 0))?;
            Some(koleo::mean(&crops.iter().map(koleo::from_normalized).collect::<Vec<_>>()))
        }
        _ => None,
    })
}

/// iBOT's loss is divided by the images that have a mask.
pub(super) fn ibot_divided_by_masked_images(_: &Scope) -> Box<dyn Hook> {
    Box::new(MaskedImages { share: 1.0 })
}

struct MaskedImages {
    /// The share of masked images.
    share: f64,
}

impl Hook for MaskedImages {
    fn tensor(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        (name == "loss:ibot_loss").then(|| value / self.share)
    }

    fn operand(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        if name == "batch:masks" {
            self.share = value.any_dim(-1, false).to_kind(tch::Kind::Double).mean(None::<tch::Kind>).double_value(&[]);
        }
        None
    }
}

/// The prototypes learn from the first step on.
pub(super) fn last_layer_not_frozen(config: &mut SslConfig) {
    match &mut config.training.schedules {
        Schedules::V1(schedules) => schedules.freeze_last_layer_epochs = 0,
        Schedules::V2(schedules) => schedules.freeze_last_layer_epochs = 0,
    }
}

/// The teacher's temperature is its last one throughout.
pub(super) fn constant_teacher_temperature(config: &mut SslConfig) {
    match &mut config.training.schedules {
        Schedules::V1(schedules) => schedules.warmup_teacher_temp = schedules.teacher_temp,
        Schedules::V2(schedules) => {
            let temperature = &mut schedules.teacher_temp;
            (temperature.start, temperature.peak) = (temperature.end, temperature.end);
        }
    }
}
