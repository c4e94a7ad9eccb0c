//! The options of the data (`build_data_loader_from_cfg`, `dinov3/train/train.py`) for the loader and the trainer.

use serde::Deserialize;
use serde_json::Value;

use crate::error::ConfigError;
use crate::read::{flag, path, section};

/// The options of images, crops and masks in a merged config. Field names are the config's keys.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct DataOptions {
    /// `train.*`.
    pub train: TrainData,
    /// `crops.*`.
    pub crops: Crops,
    /// `ibot.mask_*`.
    pub ibot: MaskOptions,
    /// `student.patch_size`.
    pub student: PatchSize,
    /// `multidistillation.*`.
    pub multidistillation: MultiDistillation,
}

/// The part of `train.*` about images.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TrainData {
    /// The dataset string; the published ViT-7B configs leave it null.
    #[serde(deserialize_with = "path")]
    pub dataset_path: Option<String>,
    /// Images per batch on each rank.
    pub batch_size_per_gpu: usize,
    /// Number of workers. Each worker has its own random streams.
    pub num_workers: usize,
    /// Seed of the samplers.
    pub seed: u64,
    /// Whether samples are drawn from a shard.
    #[serde(deserialize_with = "flag")]
    pub cache_dataset: bool,
}

/// `crops.*`. Sizes are the sides of squares, in pixels.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Crops {
    /// The smallest and the largest share of an image in a global crop.
    pub global_crops_scale: (f64, f64),
    /// The smallest and the largest share of an image in a local crop.
    pub local_crops_scale: (f64, f64),
    /// Local crops per image.
    pub local_crops_number: usize,
    /// Side of a global crop, for each resolution.
    pub global_crops_size: OneOrMany<usize>,
    /// Side of a local crop, for each resolution.
    pub local_crops_size: OneOrMany<usize>,
    /// Share of the batches, for each resolution.
    pub global_local_crop_pairs_ratios: OneOrMany<f64>,
    /// Side of a Gram teacher crop, for each resolution; `None` without a Gram teacher.
    pub gram_teacher_crops_size: OneOrMany<Option<usize>>,
    /// Whether the Gram teacher's crops have no colour distortions.
    #[serde(deserialize_with = "flag")]
    pub gram_teacher_no_distortions: bool,
    /// Whether local crops are cut from global crops.
    #[serde(deserialize_with = "flag")]
    pub localcrops_subset_of_globalcrops: bool,
    /// Whether all crops of an image share one colour distortion.
    #[serde(deserialize_with = "flag")]
    pub share_color_jitter: bool,
    /// Whether crops are mirrored at random.
    #[serde(deserialize_with = "flag")]
    pub horizontal_flips: bool,
    /// Mean of each channel, for values from 0 to 1.
    pub rgb_mean: [f64; 3],
    /// Standard deviation of each channel.
    pub rgb_std: [f64; 3],
}

/// `ibot.mask_*`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct MaskOptions {
    /// Share of the global crops that have a mask.
    pub mask_sample_probability: f64,
    /// The smallest and the largest share of patches that a mask hides.
    pub mask_ratio_min_max: (f64, f64),
    /// Whether a mask is shifted at random, wrapping around the edges.
    #[serde(deserialize_with = "flag")]
    pub mask_random_circular_shift: bool,
}

/// `student.patch_size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct PatchSize {
    /// Side of a patch in pixels.
    pub patch_size: usize,
}

/// The part of `multidistillation.*` about images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct MultiDistillation {
    /// Whether several students are trained at once.
    #[serde(deserialize_with = "flag")]
    pub enabled: bool,
    /// Images per batch over all ranks.
    pub global_batch_size: Option<usize>,
}

/// One value, or one for each resolution.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a value, or a list of one for each resolution")]
pub enum OneOrMany<T> {
    /// One value for each resolution.
    Many(Vec<T>),
    /// The value for the only resolution.
    One(T),
}

impl<T: Clone> OneOrMany<T> {
    /// The values, one for each resolution.
    pub fn list(&self) -> Vec<T> {
        match self {
            Self::One(value) => vec![value.clone()],
            Self::Many(values) => values.clone(),
        }
    }
}

impl DataOptions {
    /// Reads a merged config.
    ///
    /// # Errors
    /// When a key is missing or has a value of the wrong kind.
    pub fn from_merged(config: &Value) -> Result<Self, ConfigError> {
        section(config, "")
    }
}
