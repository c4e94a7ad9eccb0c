//! The data of a run, read from a merged config (`build_data_loader_from_cfg`, `dinov3/train/train.py`).

use dinov3_config::{DataOptions, SUBSET_GRID};
use dinov3_ground::{Hint, Hints};
use serde_json::Value;

use crate::augment::{Augmentation, GramTeacherCrops};
use crate::collate::Collation;
use crate::masking::{Masking, MaskingError};

/// The reason why a config's data cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key is missing, or its value has the wrong kind or cannot be honoured.
    #[error(transparent)]
    Config(#[from] dinov3_config::ConfigError),
    /// `ibot.mask_sample_probability` or `ibot.mask_ratio_min_max` out of bounds.
    #[error("masks: {0}")]
    Masking(MaskingError),
}

impl Hint for ConfigError {
    fn hints(&self) -> Hints {
        "`dinov3-harness config` prints the merged config; change the key on the command line or in the file".into()
    }
}

/// The data of a run.
#[derive(Clone, Debug)]
pub struct DataConfig {
    /// `train.dataset_path`.
    pub dataset: String,
    /// `train.num_workers`: the number of random streams.
    pub workers: usize,
    /// `train.cache_dataset`: whether each rank draws samples from its shard instead of from all samples.
    pub sharded: bool,
    /// Images per batch that one rank loads.
    pub batch_size: usize,
    /// The sizes of crops. Each size has its own loader.
    pub resolutions: Vec<Resolution>,
}

/// Crops of one size.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// The share of batches with this size, from 0 to 1.
    pub ratio: f64,
    /// The settings that make batches from images.
    pub collation: Collation,
    /// The sampler's seed without the start iteration; see [`Resolution::sampler_seed`].
    seed: u64,
}

impl Resolution {
    /// The sampler's seed for a run that starts at `iteration`.
    pub fn sampler_seed(&self, iteration: u64) -> u64 {
        self.seed + iteration + 1
    }
}

/// The sharing of multi-distillation's batch among ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranks {
    /// The number of all ranks.
    pub world: usize,
    /// The number of ranks that train the same student.
    pub subgroup: usize,
}

impl DataConfig {
    /// Reads the merged config of a run on `ranks`.
    ///
    /// # Errors
    /// When a key is missing, malformed, or cannot be honoured.
    pub fn from_merged(config: &Value, ranks: Ranks) -> Result<Self, ConfigError> {
        let options = DataOptions::from_merged(config)?;
        let (batch_size, local_batch_size) = batch_sizes(&options, ranks)?;
        let crops = &options.crops;
        let (globals, locals) = (crops.global_crops_size.list(), crops.local_crops_size.list());
        let (grams, ratios) = (crops.gram_teacher_crops_size.list(), crops.global_local_crop_pairs_ratios.list());
        let number = globals.len();
        if number == 0 || [locals.len(), grams.len(), ratios.len()].iter().any(|length| *length != number) {
            let reason = "crops.local_crops_size, gram_teacher_crops_size and global_local_crop_pairs_ratios need as many values";
            return Err(unsupported("crops.global_crops_size", reason));
        }
        let resolution = |i: usize| {
            let augmentation = augmentation(&options, globals[i], locals[i], grams[i])?;
            let masking = masking(&options, globals[i], local_batch_size)?;
            let seed = options.train.seed + i as u64 + 1;
            Ok(Resolution { ratio: ratios[i], collation: Collation { augmentation, masking }, seed })
        };
        Ok(Self {
            dataset: dataset(&options)?,
            workers: options.train.num_workers,
            sharded: options.train.cache_dataset,
            batch_size,
            resolutions: (0..number).map(resolution).collect::<Result<_, ConfigError>>()?,
        })
    }
}

/// The dataset string. The reference fails without one, and so do its published ViT-7B configs as they are.
fn dataset(options: &DataOptions) -> Result<String, ConfigError> {
    let given = options.train.dataset_path.clone();
    given.ok_or_else(|| unsupported("train.dataset_path", "a run needs a data set, such as `ImageNet:split=TRAIN`"))
}

/// The number of images that a rank loads, and the number for its student if it differs.
fn batch_sizes(options: &DataOptions, ranks: Ranks) -> Result<(usize, Option<usize>), ConfigError> {
    if !options.multidistillation.enabled {
        return Ok((options.train.batch_size_per_gpu, None));
    }
    let option = "multidistillation.global_batch_size";
    let all = options.multidistillation.global_batch_size.ok_or_else(|| unsupported(option, "it is null"))?;
    if all % ranks.subgroup != 0 {
        let reason = format!("{all} images do not divide among the {} ranks of a student", ranks.subgroup);
        return Err(unsupported(option, reason));
    }
    Ok((all.div_ceil(ranks.world), Some(all / ranks.subgroup)))
}

fn augmentation(
    options: &DataOptions,
    global: usize,
    local: usize,
    gram: Option<usize>,
) -> Result<Augmentation, ConfigError> {
    let crops = &options.crops;
    let gram_teacher = gram.map(|size| GramTeacherCrops { size, no_distortions: crops.gram_teacher_no_distortions });
    let patch_size = options.student.patch_size;
    if patch_size == 0 || global < patch_size {
        return Err(unsupported("crops.global_crops_size", format!("{global} pixels hold no patch of {patch_size}")));
    }
    if crops.localcrops_subset_of_globalcrops && global < local + SUBSET_GRID {
        let reason = "the reference places local crops at random only where a global crop is larger by 16 pixels";
        return Err(unsupported("crops.localcrops_subset_of_globalcrops", reason));
    }
    Ok(Augmentation {
        global_crops_scale: crops.global_crops_scale,
        local_crops_scale: crops.local_crops_scale,
        local_crops_number: crops.local_crops_number,
        global_crops_size: global,
        local_crops_size: local,
        gram_teacher,
        local_crops_subset_of_global_crops: crops.localcrops_subset_of_globalcrops,
        patch_size: SUBSET_GRID,
        share_color_jitter: crops.share_color_jitter,
        horizontal_flips: crops.horizontal_flips,
        mean: crops.rgb_mean,
        std: crops.rgb_std,
    })
}

fn masking(options: &DataOptions, global: usize, local_batch_size: Option<usize>) -> Result<Masking, ConfigError> {
    let masking = Masking {
        side: global / options.student.patch_size,
        probability: options.ibot.mask_sample_probability,
        ratio: options.ibot.mask_ratio_min_max,
        random_circular_shift: options.ibot.mask_random_circular_shift,
        max_num_patches: Masking::largest_block(global, options.student.patch_size),
        local_batch_size,
    };
    masking.check().map_err(ConfigError::Masking)?;
    Ok(masking)
}

fn unsupported(option: &'static str, reason: impl Into<String>) -> ConfigError {
    dinov3_config::ConfigError::Unsupported { option, reason: reason.into() }.into()
}
