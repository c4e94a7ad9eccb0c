//! The reference's config: YAML, merge and typed options, with a check of every value. [`SslConfig`] holds the part of
//! the merged config (`dinov3/configs/ssl_default_config.yaml`) that shapes the networks. Values that the reference
//! refuses are refused here, and values that it never reads are reported.

mod checkpoints;
mod data;
pub mod defaults;
mod dtype;
mod effect;
mod error;
mod gram;
mod layers;
mod losses;
pub mod merge;
pub mod micro;
mod networks;
mod notes;
mod ranges;
mod read;
mod refusals;
mod relations;
mod sizes;
mod training;
pub mod yaml;

pub use checkpoints::Checkpoints;
pub use data::{Crops, DataOptions, MaskOptions, MultiDistillation, OneOrMany, PatchSize, TrainData};
pub use dtype::Dtype;
pub use effect::{NoEffect, Reads, WithoutEffect, never_read, reads};
pub use error::ConfigError;
pub use gram::{GramConfig, GramTeacher, GramUpdates, TokensUsed};
pub use layers::{FfnLayer, HeadConfig, NormLayer, NormalizeCoords, Periods, RopeConfig};
pub use losses::{Distributed, GramLoss, Negatives, ResizeMethod};
pub use networks::VitConfig;
pub use notes::notes;
pub use read::{at, holds, truth};
pub use relations::{SUBSET_GRID, check_ranks};
pub use sizes::VitSize;
pub use training::{Decay, KoLeo, Optim, Scaling, Schedules, TrainingConfig, V1, V2};

use serde::Serialize;

use error::{Errors, unsupported};
use networks::Networks;

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
    /// Adds a frozen teacher with this merged config for distillation. The reference reads the networks of that config
    /// and nothing else.
    ///
    /// # Errors
    /// If the networks cannot be honoured, and if prototypes or patch sizes differ, as the reference asserts.
    pub fn with_teacher(self, teacher: &serde_json::Value) -> Result<Self, ConfigError> {
        let Networks { student: backbone, dino_head, ibot_head } = Networks::of_teacher(teacher)?;
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
    /// When a key is missing, an architecture is unknown, or an option cannot be honoured. All such keys are named.
    pub fn from_merged(config: &serde_json::Value) -> Result<Self, ConfigError> {
        let mut errors = Errors::default();
        refusals::refuse(config, &mut errors);
        let networks = errors.take(Networks::from_merged(config));
        let checkpoints = errors.take(Checkpoints::from_merged(config));
        let training = errors.take(TrainingConfig::from_merged(config));
        let data = errors.take(DataOptions::from_merged(config));
        errors.check()?;
        let (Some(networks), Some(checkpoints), Some(training), Some(data)) = (networks, checkpoints, training, data)
        else {
            unreachable!("each is there, or there is an error")
        };
        let crops = data.crops;
        Ok(Self {
            student: networks.student,
            dino_head: networks.dino_head,
            ibot_head: networks.ibot_head,
            checkpoints,
            distillation_enabled: read::holds(config, "distillation.enabled"),
            distillation: None,
            training,
            local_crops_number: crops.local_crops_number as i64,
            rgb_mean: crops.rgb_mean.map(|mean| mean as f32),
            rgb_std: crops.rgb_std.map(|deviation| deviation as f32),
            without_effect: effect::without_effect(config),
        })
    }
}
