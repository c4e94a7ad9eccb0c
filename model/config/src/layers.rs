//! The options of the layers: heads, feed-forward network, norms, position embedding.

use serde::{Deserialize, Serialize};

use super::Dtype;

/// The `head_*` options of `dino` or `ibot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HeadConfig {
    /// Backbone features, D.
    pub in_dim: i64,
    /// `head_n_prototypes`, K.
    pub prototypes: i64,
    /// `head_hidden_dim`.
    pub hidden_dim: i64,
    /// `head_bottleneck_dim`.
    pub bottleneck_dim: i64,
    /// `head_nlayers`; below 1 counts as 1.
    pub nlayers: i64,
}

/// `student.ffn_layer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FfnLayer {
    /// Two linear layers with GELU between.
    Mlp,
    /// SwiGLU, hidden width aligned to 8.
    SwiGlu,
    /// SwiGLU, aligned to 32.
    SwiGlu32,
    /// SwiGLU, aligned to 64.
    SwiGlu64,
    /// SwiGLU, aligned to 128.
    SwiGlu128,
}

impl FfnLayer {
    /// The multiple that SwiGLU's hidden width is rounded up to; the MLP is not rounded.
    pub fn align_to(self) -> Option<i64> {
        match self {
            FfnLayer::Mlp => None,
            FfnLayer::SwiGlu => Some(8),
            FfnLayer::SwiGlu32 => Some(32),
            FfnLayer::SwiGlu64 => Some(64),
            FfnLayer::SwiGlu128 => Some(128),
        }
    }
}

/// `student.norm_layer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NormLayer {
    /// LayerNorm, epsilon 1e-6.
    LayerNorm,
    /// LayerNorm, epsilon 1e-5. The name is the reference's; the arithmetic is not in bf16.
    LayerNormBf16,
    /// Root mean square norm, epsilon 1e-5, no bias.
    RmsNorm,
}

impl NormLayer {
    /// The epsilon inside the square root.
    pub fn eps(self) -> f64 {
        match self {
            NormLayer::LayerNorm => 1e-6,
            NormLayer::LayerNormBf16 | NormLayer::RmsNorm => 1e-5,
        }
    }
}

/// By what the coordinates of patch centres are divided (`student.pos_embed_rope_normalize_coords`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NormalizeCoords {
    /// Both by the longer side.
    Max,
    /// Both by the shorter side.
    Min,
    /// Each by its own side.
    Separate,
}

/// The wavelengths: a geometric series from 1 by a base, or between two periods.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum Periods {
    /// `pos_embed_rope_base`.
    Base(f64),
    /// `pos_embed_rope_min_period`, `pos_embed_rope_max_period`.
    Range {
        /// The shortest.
        min: f64,
        /// The longest.
        max: f64,
    },
}

/// Everything that `student.pos_embed_rope_*` says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RopeConfig {
    /// The wavelengths.
    pub periods: Periods,
    /// The normalisation of coordinates.
    pub normalize_coords: NormalizeCoords,
    /// In training, both coordinates move by a uniform draw from ±this.
    pub shift_coords: Option<f64>,
    /// In training, each coordinate is multiplied by a log-uniform draw from [1/this, this].
    pub jitter_coords: Option<f64>,
    /// In training, both coordinates are multiplied by one log-uniform draw from [1/this, this].
    pub rescale_coords: Option<f64>,
    /// The dtype of the tables and of the rotation.
    pub dtype: Dtype,
}

impl RopeConfig {
    /// Whether two calls in training mode can give different tables.
    pub fn is_random(&self) -> bool {
        self.shift_coords.or(self.jitter_coords).or(self.rescale_coords).is_some()
    }
}
