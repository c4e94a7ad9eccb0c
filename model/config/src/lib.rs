//! The reference's config: YAML, merge and typed options, with a check of every value. [`SslConfig`] holds the part of
//! the merged config (`dinov3/configs/ssl_default_config.yaml`) that shapes the networks. Values that the reference
//! refuses are refused here, and values that it never reads are reported.

mod data;
pub mod defaults;
mod dtype;
mod gram;
mod layers;
mod losses;
pub mod merge;
pub mod micro;
mod refusals;
mod sizes;
mod training;
pub mod yaml;

pub use data::{Crops, DataOptions, MaskOptions, MultiDistillation, OneOrMany, PatchSize, TrainData};
pub use dtype::Dtype;
pub use gram::{GramConfig, GramTeacher, GramUpdates, TokensUsed};
pub use layers::{FfnLayer, HeadConfig, NormLayer, NormalizeCoords, Periods, RopeConfig};
pub use losses::{Distributed, GramLoss, Negatives, ResizeMethod};
pub use refusals::{NoEffect, WithoutEffect};
pub use sizes::VitSize;
pub use training::{Decay, KoLeo, Optim, Scaling, Schedules, TrainingConfig, V1, V2};

use dinov3_ground::{Hint, Hints};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The reason why a config cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A key is missing or has a value of the wrong kind.
    #[error("the config is not a merged DINOv3 config: {0}")]
    Malformed(#[from] serde_json::Error),
    /// `student.arch` is not the name of a builder.
    #[error("`student.arch` is `{given}`; known are {known}")]
    UnknownArch {
        /// The value in the config.
        given: String,
        /// The names of all sizes.
        known: String,
    },
    /// This trainer or the reference cannot honour an option.
    #[error("`{option}` cannot be used: {reason}")]
    Unsupported {
        /// The key.
        option: &'static str,
        /// The reason.
        reason: String,
    },
}

/// Config errors have no hints of their own: the remedy depends on the source of the config, and the caller knows it.
impl Hint for ConfigError {
    fn hints(&self) -> Hints {
        Hints::none()
    }
}

fn unsupported(option: &'static str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Unsupported { option, reason: reason.into() }
}

/// All arguments of a vision transformer: `DinoVisionTransformer.__init__`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VitConfig {
    /// Width, depth, heads.
    pub size: VitSize,
    /// Side of a patch in pixels.
    pub patch_size: i64,
    /// Position embedding.
    pub rope: RopeConfig,
    /// Bias of the qkv projection.
    pub qkv_bias: bool,
    /// Bias of attention's output projection.
    pub proj_bias: bool,
    /// Bias of the feed-forward layers.
    pub ffn_bias: bool,
    /// Share of samples dropped by stochastic depth, the same in every block.
    pub drop_path_rate: f64,
    /// Initial value of LayerScale; `None` or zero means no LayerScale.
    pub layerscale: Option<f64>,
    /// The norm layer of every norm.
    pub norm_layer: NormLayer,
    /// The kind of feed-forward network.
    pub ffn_layer: FfnLayer,
    /// Storage tokens (registers), R.
    pub n_storage_tokens: i64,
    /// Whether the keys have no bias.
    pub mask_k_bias: bool,
    /// Whether CLS and storage tokens have a separate final norm.
    pub untie_cls_and_patch_norms: bool,
    /// Whether CLS and storage tokens of local crops have a separate final norm in training.
    pub untie_global_and_local_cls_norm: bool,
}

impl VitConfig {
    /// The teacher's backbone: the same without stochastic depth.
    pub fn teacher(&self) -> Self {
        Self { drop_path_rate: 0.0, ..self.clone() }
    }
}

/// The part of the merged config from which `SSLMetaArch` builds its networks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SslConfig {
    /// The student's backbone.
    pub student: VitConfig,
    /// DINO's head.
    pub dino_head: HeadConfig,
    /// iBOT's head.
    pub ibot_head: HeadConfig,
    /// The files with initial weights.
    pub checkpoints: Checkpoints,
    /// `distillation.enabled`.
    pub distillation_enabled: bool,
    /// The frozen teacher of distillation; see [`SslConfig::with_teacher`].
    pub distillation: Option<FrozenTeacher>,
    /// Losses, optimizer, schedules.
    pub training: TrainingConfig,
    /// `crops.local_crops_number`.
    pub local_crops_number: i64,
    /// `crops.rgb_mean`.
    pub rgb_mean: [f32; 3],
    /// `crops.rgb_std`.
    pub rgb_std: [f32; 3],
    /// Settings of the config that the reference at this commit never reads. They have no effect in the reference and
    /// none here.
    #[serde(skip)]
    pub without_effect: Vec<WithoutEffect>,
}

/// The files that the reference's `init_weights` reads. An empty name means no file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checkpoints {
    /// `student.resume_from_teacher_chkpt`.
    pub student: Option<String>,
    /// `distillation.checkpoint_path`, unless it is `ignore`: the frozen teacher is drawn then. An empty name is refused where
    /// distillation is enabled.
    pub frozen_teacher: Option<String>,
    /// `gram.ckpt`.
    pub gram: Option<String>,
}

impl Checkpoints {
    fn from_merged(config: &serde_json::Value) -> Self {
        let named = |pointer: &str| {
            let name = config.pointer(pointer).and_then(serde_json::Value::as_str)?;
            Some(name.to_owned()).filter(|name| !name.is_empty())
        };
        Self {
            student: named("/student/resume_from_teacher_chkpt"),
            frozen_teacher: named("/distillation/checkpoint_path").filter(|name| name != "ignore"),
            gram: named("/gram/ckpt"),
        }
    }
}

/// The networks of a frozen teacher: `SSLMetaArch._setup_distillation`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FrozenTeacher {
    /// The backbone.
    pub backbone: VitConfig,
    /// DINO's head.
    pub dino_head: HeadConfig,
    /// iBOT's head.
    pub ibot_head: HeadConfig,
}

impl SslConfig {
    /// Adds a frozen teacher with this merged config for distillation.
    ///
    /// # Errors
    /// As [`SslConfig::from_merged`], and if prototypes or patch sizes differ, as the reference asserts.
    pub fn with_teacher(self, teacher: &serde_json::Value) -> Result<Self, ConfigError> {
        let Self { student: backbone, dino_head, ibot_head, .. } = Self::from_merged(teacher)?;
        let same = [
            ("dino.head_n_prototypes", dino_head.prototypes, self.dino_head.prototypes),
            ("ibot.head_n_prototypes", ibot_head.prototypes, self.ibot_head.prototypes),
            ("student.patch_size", backbone.patch_size, self.student.patch_size),
        ];
        match same.into_iter().find(|(_, theirs, ours)| theirs != ours) {
            Some((key, theirs, ours)) => Err(unsupported(
                key,
                format!("the reference asserts that it is the frozen teacher's, which is {theirs}, not {ours}"),
            )),
            None => {
                let backbone = backbone.teacher();
                Ok(Self { distillation: Some(FrozenTeacher { backbone, dino_head, ibot_head }), ..self })
            }
        }
    }

    /// Reads a merged config. A config with `distillation.enabled` also needs [`SslConfig::with_teacher`].
    ///
    /// # Errors
    /// When a key is missing, an architecture is unknown, or an option cannot be honoured.
    pub fn from_merged(config: &serde_json::Value) -> Result<Self, ConfigError> {
        let raw = RawConfig::deserialize(config)?;
        refusals::refuse(config)?;
        refusals::unnamed_teacher(config)?;
        let student = raw.student.resolve()?;
        Ok(Self {
            dino_head: raw.dino.resolve(student.size.embed_dim),
            ibot_head: raw.ibot.resolve(student.size.embed_dim),
            student,
            checkpoints: Checkpoints::from_merged(config),
            distillation_enabled: config.pointer("/distillation/enabled").is_some_and(|it| *it == true),
            distillation: None,
            training: TrainingConfig::from_merged(config)?,
            local_crops_number: raw.crops.local_crops_number as i64,
            rgb_mean: raw.crops.rgb_mean.map(|mean| mean as f32),
            rgb_std: raw.crops.rgb_std.map(|deviation| deviation as f32),
            without_effect: refusals::without_effect(config),
        })
    }
}

#[derive(Deserialize)]
struct RawConfig {
    student: RawStudent,
    dino: RawHead,
    ibot: RawHead,
    crops: Crops,
}

#[derive(Deserialize)]
struct RawHead {
    head_n_prototypes: i64,
    head_bottleneck_dim: i64,
    head_nlayers: i64,
    head_hidden_dim: i64,
}

impl RawHead {
    fn resolve(&self, in_dim: i64) -> HeadConfig {
        HeadConfig {
            in_dim,
            prototypes: self.head_n_prototypes,
            hidden_dim: self.head_hidden_dim,
            bottleneck_dim: self.head_bottleneck_dim,
            nlayers: self.head_nlayers,
        }
    }
}

#[derive(Deserialize)]
struct RawStudent {
    arch: String,
    patch_size: i64,
    drop_path_rate: f64,
    layerscale: Option<f64>,
    ffn_layer: FfnLayer,
    qkv_bias: bool,
    proj_bias: bool,
    ffn_bias: bool,
    norm_layer: NormLayer,
    n_storage_tokens: i64,
    mask_k_bias: bool,
    untie_cls_and_patch_norms: bool,
    untie_global_and_local_cls_norm: bool,
    pos_embed_rope_base: Option<f64>,
    pos_embed_rope_min_period: Option<f64>,
    pos_embed_rope_max_period: Option<f64>,
    pos_embed_rope_normalize_coords: NormalizeCoords,
    pos_embed_rope_shift_coords: Option<f64>,
    pos_embed_rope_jitter_coords: Option<f64>,
    pos_embed_rope_rescale_coords: Option<f64>,
}

impl RawStudent {
    fn resolve(self) -> Result<VitConfig, ConfigError> {
        let size = VitSize::named(&self.arch)
            .ok_or_else(|| ConfigError::UnknownArch { given: self.arch.clone(), known: VitSize::NAMES.join(", ") })?;
        Ok(VitConfig {
            rope: RopeConfig {
                periods: self.periods()?,
                normalize_coords: self.pos_embed_rope_normalize_coords,
                shift_coords: self.pos_embed_rope_shift_coords,
                jitter_coords: self.pos_embed_rope_jitter_coords,
                rescale_coords: self.pos_embed_rope_rescale_coords,
                dtype: Dtype::BFloat16,
            },
            size,
            patch_size: self.patch_size,
            qkv_bias: self.qkv_bias,
            proj_bias: self.proj_bias,
            ffn_bias: self.ffn_bias,
            drop_path_rate: self.drop_path_rate,
            layerscale: self.layerscale,
            norm_layer: self.norm_layer,
            ffn_layer: self.ffn_layer,
            n_storage_tokens: self.n_storage_tokens,
            mask_k_bias: self.mask_k_bias,
            untie_cls_and_patch_norms: self.untie_cls_and_patch_norms,
            untie_global_and_local_cls_norm: self.untie_global_and_local_cls_norm,
        })
    }

    fn periods(&self) -> Result<Periods, ConfigError> {
        let range = self.pos_embed_rope_min_period.zip(self.pos_embed_rope_max_period);
        match (self.pos_embed_rope_base, range) {
            (Some(base), None) => Ok(Periods::Base(base)),
            (None, Some((min, max))) => Ok(Periods::Range { min, max }),
            (Some(_), Some(_)) | (None, None) => Err(unsupported(
                "student.pos_embed_rope_base",
                "give either this key or both pos_embed_rope_min_period and pos_embed_rope_max_period",
            )),
        }
    }
}
