//! The options of a training step: losses, optimizer, schedules, precision.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ConfigError, Distributed, Dtype, gram::GramConfig};
use crate::error::unsupported;
use crate::ranges::has_schedules;
use crate::read::{count_if_given, flag, section};

/// `optim.scaling_rule`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Scaling {
    /// `linear_wrt_256`: multiplies the learning rate by global batch / 256.
    Linear,
    /// `sqrt_wrt_1024`: multiplies the learning rate by 4 · sqrt(global batch / 1024).
    Sqrt,
    /// Any other value: no scaling, as in the reference.
    None,
}

impl Scaling {
    /// The rule that `optim.scaling_rule` names.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "linear_wrt_256" => Self::Linear,
            "sqrt_wrt_1024" => Self::Sqrt,
            _ => Self::None,
        }
    }

    /// Scales a learning rate for `global_batch` images per step.
    pub fn apply(self, lr: f64, global_batch: f64) -> f64 {
        match self {
            Self::Linear => lr * (global_batch / 256.0),
            Self::Sqrt => lr * (4.0 * (global_batch / 1024.0).sqrt()),
            Self::None => lr,
        }
    }
}

/// A version 2 schedule, or the schedule of a loss weight: linear, then a cosine, then constant.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Decay {
    /// Value before the warm-up.
    pub start: f64,
    /// Value after the warm-up.
    pub peak: f64,
    /// Value after the cosine.
    pub end: f64,
    /// Epochs of warm-up.
    pub warmup_epochs: usize,
    /// Epochs of the cosine; `None`: all remaining epochs.
    #[serde(default, deserialize_with = "count_if_given")]
    pub cosine_epochs: Option<usize>,
}

/// The schedules of `optim` and `teacher`: version 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the fields are the keys of the config")]
pub struct V1 {
    pub epochs: usize,
    pub epoch_length: usize,
    pub lr: f64,
    pub min_lr: f64,
    pub warmup_epochs: usize,
    pub freeze_last_layer_epochs: usize,
    pub weight_decay: f64,
    pub weight_decay_end: f64,
    pub trunc_extra: f64,
    pub momentum_teacher: f64,
    pub final_momentum_teacher: f64,
    pub warmup_teacher_temp: f64,
    pub teacher_temp: f64,
    pub warmup_teacher_temp_epochs: usize,
}

/// The schedules of the section `schedules`: version 2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the fields are the keys of the config")]
pub struct V2 {
    pub epochs: usize,
    pub epoch_length: usize,
    pub lr: Decay,
    pub freeze_last_layer_epochs: usize,
    pub weight_decay: Decay,
    pub momentum: Decay,
    pub teacher_temp: Decay,
}

/// The source of the curves. A config with a section `schedules` uses version 2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum Schedules {
    /// `optim.*` and `teacher.*`.
    V1(V1),
    /// `schedules.*`.
    V2(V2),
}

/// `dino.koleo_*`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum KoLeo {
    /// The nearest neighbour in the rank's own crop.
    Local,
    /// The nearest neighbours over all ranks.
    Distributed(Distributed),
}

/// The options of AdamW and of the parameter groups.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Optim {
    /// `adamw_beta1`, `adamw_beta2`.
    pub betas: (f64, f64),
    /// `layerwise_decay`.
    pub layerwise_decay: f64,
    /// `patch_embed_lr_mult`.
    pub patch_embed_lr_mult: f64,
    /// `dino_head_wd_multiplier`.
    pub dino_head_wd_multiplier: f64,
    /// `multi_tensor_optim`: whether groups are fused and stepped by the fused kernel. Otherwise the optimizer steps
    /// one parameter at a time.
    pub multi_tensor: bool,
    /// `clip_grad`: the largest norm of a submodule's gradient. Zero means none.
    pub clip_grad: Option<f64>,
    /// `scaling_rule`.
    pub scaling: Scaling,
}

/// All options of one step besides the networks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainingConfig {
    /// Whether the meta architecture is `MultiDistillationMetaArch` instead of `SSLMetaArch`.
    pub multi_distillation: bool,
    /// `multidistillation.global_batch_size`, if `multidistillation.enabled`: the images of all ranks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_batch_size: Option<i64>,
    /// `train.batch_size_per_gpu`.
    pub batch_size_per_gpu: i64,
    /// `compute_precision.param_dtype`.
    pub param_dtype: Dtype,
    /// The five curves.
    pub schedules: Schedules,
    /// AdamW.
    pub optim: Optim,
    /// `dino.loss_weight`.
    pub dino_loss_weight: f64,
    /// `dino.global_ignore_diagonal`.
    pub global_ignore_diagonal: bool,
    /// `dino.local_loss_weight_schedule`, if `dino.reweight_dino_local_loss`.
    pub local_loss_weight: Option<Decay>,
    /// `dino.koleo_loss_weight`.
    pub koleo_loss_weight: f64,
    /// The kind of KoLeo.
    pub koleo: KoLeo,
    /// `ibot.loss_weight`.
    pub ibot_loss_weight: f64,
    /// The Gram loss, if `gram.use_loss`.
    pub gram: Option<GramConfig>,
}

impl TrainingConfig {
    pub(super) fn from_merged(config: &Value) -> Result<Self, ConfigError> {
        let raw: Raw = section(config, "")?;
        let multi_distillation = match raw.model.meta_architecture.as_str() {
            "SSLMetaArch" => false,
            "MultiDistillationMetaArch" => true,
            _ => {
                return Err(unsupported(
                    "MODEL.META_ARCHITECTURE",
                    "SSLMetaArch and MultiDistillationMetaArch are known",
                ));
            }
        };
        let gram = GramConfig::from_merged(config)?;
        if multi_distillation && gram.is_some() {
            return Err(unsupported("gram.use_loss", "the reference's MultiDistillationMetaArch has no Gram output"));
        }
        let local_loss_weight =
            raw.dino.reweight_dino_local_loss.then(|| section(config, "dino.local_loss_weight_schedule"));
        Ok(Self {
            multi_distillation,
            global_batch_size: raw.multidistillation.images(),
            batch_size_per_gpu: raw.train.batch_size_per_gpu,
            param_dtype: raw.compute_precision.param_dtype()?,
            schedules: schedules(config, &raw)?,
            optim: raw.optim.resolve(),
            dino_loss_weight: raw.dino.loss_weight,
            global_ignore_diagonal: raw.dino.global_ignore_diagonal,
            local_loss_weight: local_loss_weight.transpose()?,
            koleo_loss_weight: raw.dino.koleo_loss_weight,
            koleo: koleo(config, &raw.dino)?,
            ibot_loss_weight: raw.ibot.loss_weight,
            gram,
        })
    }

    /// Iterations of the whole training: `epochs * OFFICIAL_EPOCH_LENGTH`.
    pub fn iterations(&self) -> usize {
        match &self.schedules {
            Schedules::V1(V1 { epochs, epoch_length, .. }) | Schedules::V2(V2 { epochs, epoch_length, .. }) => {
                // The config's own check keeps it below `MOST_ITERATIONS`; a config from elsewhere saturates.
                epochs.saturating_mul(*epoch_length)
            }
        }
    }

    /// Iterations of an epoch.
    pub fn epoch_length(&self) -> usize {
        match &self.schedules {
            Schedules::V1(V1 { epoch_length, .. }) | Schedules::V2(V2 { epoch_length, .. }) => *epoch_length,
        }
    }
}

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "MODEL")]
    model: RawModel,
    compute_precision: RawPrecision,
    dino: RawDino,
    ibot: RawIbot,
    train: RawTrain,
    optim: RawOptim,
    multidistillation: RawStudents,
}

#[derive(Deserialize)]
struct RawStudents {
    #[serde(deserialize_with = "flag")]
    enabled: bool,
    global_batch_size: Option<i64>,
}

impl RawStudents {
    fn images(&self) -> Option<i64> {
        self.global_batch_size.filter(|_| self.enabled)
    }
}

#[derive(Deserialize)]
struct RawModel {
    #[serde(rename = "META_ARCHITECTURE")]
    meta_architecture: String,
}

#[derive(Deserialize)]
struct RawPrecision {
    param_dtype: String,
    reduce_dtype: String,
}

#[derive(Deserialize)]
struct RawDino {
    loss_weight: f64,
    #[serde(deserialize_with = "flag")]
    global_ignore_diagonal: bool,
    koleo_loss_weight: f64,
    #[serde(deserialize_with = "flag")]
    koleo_loss_distributed: bool,
    koleo_topk: i64,
    #[serde(deserialize_with = "flag")]
    reweight_dino_local_loss: bool,
}

#[derive(Deserialize)]
struct RawIbot {
    loss_weight: f64,
}

#[derive(Deserialize)]
struct RawTrain {
    batch_size_per_gpu: i64,
    #[serde(rename = "OFFICIAL_EPOCH_LENGTH")]
    epoch_length: usize,
}

/// What both versions of the schedules read.
#[derive(Deserialize)]
struct RawOptim {
    epochs: usize,
    clip_grad: Option<f64>,
    scaling_rule: Option<String>,
    patch_embed_lr_mult: f64,
    dino_head_wd_multiplier: f64,
    layerwise_decay: f64,
    #[serde(deserialize_with = "flag")]
    multi_tensor_optim: bool,
    adamw_beta1: f64,
    adamw_beta2: f64,
}

/// What only version 1 reads of `optim`: the published ViT-7B configs have null there.
#[derive(Deserialize)]
struct RawOptimV1 {
    weight_decay: f64,
    weight_decay_end: f64,
    lr: f64,
    warmup_epochs: usize,
    min_lr: f64,
    schedule_trunc_extra: f64,
    freeze_last_layer_epochs: usize,
}

/// What only version 1 reads of `teacher`.
#[derive(Deserialize)]
struct RawTeacherV1 {
    momentum_teacher: f64,
    final_momentum_teacher: f64,
    warmup_teacher_temp: f64,
    teacher_temp: f64,
    warmup_teacher_temp_epochs: usize,
}

#[derive(Deserialize)]
struct RawFrozen {
    freeze_last_layer_epochs: usize,
}

/// The curves; OmegaConf's `"schedules" in cfg` decides over the version.
fn schedules(config: &Value, raw: &Raw) -> Result<Schedules, ConfigError> {
    let (epochs, epoch_length) = (raw.optim.epochs, raw.train.epoch_length);
    if has_schedules(config) {
        let frozen: RawFrozen = section(config, "schedules.lr")?;
        return Ok(Schedules::V2(V2 {
            epochs,
            epoch_length,
            lr: section(config, "schedules.lr")?,
            freeze_last_layer_epochs: frozen.freeze_last_layer_epochs,
            weight_decay: section(config, "schedules.weight_decay")?,
            momentum: section(config, "schedules.momentum")?,
            teacher_temp: section(config, "schedules.teacher_temp")?,
        }));
    }
    let optim: RawOptimV1 = section(config, "optim")?;
    let teacher: RawTeacherV1 = section(config, "teacher")?;
    Ok(Schedules::V1(V1 {
        epochs,
        epoch_length,
        lr: optim.lr,
        min_lr: optim.min_lr,
        warmup_epochs: optim.warmup_epochs,
        freeze_last_layer_epochs: optim.freeze_last_layer_epochs,
        weight_decay: optim.weight_decay,
        weight_decay_end: optim.weight_decay_end,
        trunc_extra: optim.schedule_trunc_extra,
        momentum_teacher: teacher.momentum_teacher,
        final_momentum_teacher: teacher.final_momentum_teacher,
        warmup_teacher_temp: teacher.warmup_teacher_temp,
        teacher_temp: teacher.teacher_temp,
        warmup_teacher_temp_epochs: teacher.warmup_teacher_temp_epochs,
    }))
}

impl RawPrecision {
    fn param_dtype(&self) -> Result<Dtype, ConfigError> {
        let known = |key: &str, given: &str| match given {
            "fp32" | "bf16" | "fp16" => Ok(()),
            _ => Err(ConfigError::Value {
                key: format!("compute_precision.{key}"),
                given: Value::from(given).to_string(),
                reason: "known are `fp16`, `bf16`, `fp32`".to_owned(),
            }),
        };
        known("reduce_dtype", &self.reduce_dtype)?;
        known("param_dtype", &self.param_dtype)?;
        if self.reduce_dtype != "fp32" {
            return Err(unsupported(
                "compute_precision.reduce_dtype",
                format!(
                    "`{}` is beyond this trainer: it reduces gradients in fp32, as every published config does",
                    self.reduce_dtype
                ),
            ));
        }
        match self.param_dtype.as_str() {
            "fp32" => Ok(Dtype::Float32),
            "bf16" => Ok(Dtype::BFloat16),
            _ => Err(unsupported(
                "compute_precision.param_dtype",
                "fp32 and bf16 can; fp16 would need loss scaling, which the reference lacks",
            )),
        }
    }
}

impl RawOptim {
    fn resolve(&self) -> Optim {
        Optim {
            betas: (self.adamw_beta1, self.adamw_beta2),
            layerwise_decay: self.layerwise_decay,
            patch_embed_lr_mult: self.patch_embed_lr_mult,
            dino_head_wd_multiplier: self.dino_head_wd_multiplier,
            multi_tensor: self.multi_tensor_optim,
            clip_grad: self.clip_grad.filter(|norm| *norm != 0.0),
            scaling: Scaling::named(self.scaling_rule.as_deref().unwrap_or_default()),
        }
    }
}

/// The group size is read with the distributed loss alone.
fn koleo(config: &Value, raw: &RawDino) -> Result<KoLeo, ConfigError> {
    #[derive(Deserialize)]
    struct Group {
        koleo_distributed_loss_group_size: Option<i64>,
    }
    match (raw.koleo_loss_distributed, raw.koleo_topk) {
        (false, 1) => Ok(KoLeo::Local),
        (false, _) => {
            Err(unsupported("dino.koleo_topk", "the reference asserts 1 unless `dino.koleo_loss_distributed`"))
        }
        (true, topk) => {
            let Group { koleo_distributed_loss_group_size: group_size } = section(config, "dino")?;
            Ok(KoLeo::Distributed(Distributed { topk, group_size }))
        }
    }
}
