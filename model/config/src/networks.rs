//! The networks: backbones and heads.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{ConfigError, Errors, unsupported};
use crate::read::{at, flag, holds, section};
use crate::refusals::FP8;
use crate::{Dtype, FfnLayer, HeadConfig, NormLayer, NormalizeCoords, Periods, RopeConfig, VitSize, ranges};

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

/// Student, or frozen teacher, and their heads.
pub(crate) struct Networks {
    pub student: VitConfig,
    pub dino_head: HeadConfig,
    pub ibot_head: HeadConfig,
}

impl Networks {
    /// The networks of a merged config.
    ///
    /// # Errors
    /// When a key is missing or malformed, or an architecture unknown.
    pub fn from_merged(config: &Value) -> Result<Self, ConfigError> {
        let raw: RawStudent = section(config, "student")?;
        let student = raw.resolve()?;
        let head = |name| section::<RawHead>(config, name).map(|head| head.resolve(student.size.embed_dim));
        Ok(Self { dino_head: head("dino")?, ibot_head: head("ibot")?, student })
    }

    /// The networks of a frozen teacher's merged config.
    ///
    /// # Errors
    /// As [`Networks::from_merged`], when a number is out of range, and when the teacher computes in fp8.
    pub fn of_teacher(config: &Value) -> Result<Self, ConfigError> {
        let mut errors = Errors::default();
        if at(config, "ibot.separate_head") != Some(&Value::Bool(true)) {
            errors.add(unsupported("ibot.separate_head", "the reference asserts that it is true of the teacher"));
        }
        if holds(config, "student.fp8_enabled") {
            let reason = format!("{FP8}: give the teacher a copy of its config with `false`");
            errors.add(unsupported("student.fp8_enabled", reason));
        }
        ranges::check_of(config, &["student.", "dino.head_", "ibot.head_"], &mut errors);
        let networks = errors.take(Self::from_merged(config));
        errors.check()?;
        networks.ok_or_else(|| unreachable!("it is there, or there is an error"))
    }
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
    #[serde(deserialize_with = "flag")]
    qkv_bias: bool,
    #[serde(deserialize_with = "flag")]
    proj_bias: bool,
    #[serde(deserialize_with = "flag")]
    ffn_bias: bool,
    norm_layer: NormLayer,
    n_storage_tokens: i64,
    #[serde(deserialize_with = "flag")]
    mask_k_bias: bool,
    #[serde(deserialize_with = "flag")]
    untie_cls_and_patch_norms: bool,
    #[serde(deserialize_with = "flag")]
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
