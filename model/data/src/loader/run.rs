//! The loaders of a run (`build_multi_resolution_data_loader_from_cfg`, `dinov3/train/train.py`).

use std::sync::Arc;

use dinov3_ground::{Hint, Hints};

use super::{Loader, LoaderError, OnUnusable, Settings};
use crate::collate::Batch;
use crate::combined::{self, CombinedChoice};
use crate::config::{DataConfig, Resolution};
use crate::dataset::Dataset;
use crate::random::ProbabilityError;
use crate::samplers::{InfiniteSampler, SamplerError, SamplerSettings, ShardedInfiniteSampler};

/// Where a run goes on, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// This process's rank.
    pub rank: usize,
    /// How many ranks there are.
    pub world: usize,
    /// The first iteration.
    pub iteration: u64,
    /// Threads of each resolution's loader.
    pub threads: usize,
    /// Batches that each loader makes ahead.
    pub prefetch: usize,
    /// Images that may be unusable.
    pub broken_limit: usize,
}

/// Why a run's loaders cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The samples cannot be put in order.
    #[error("the samples cannot be put in order: {0}")]
    Sampler(#[from] SamplerError),
    /// `crops.global_local_crop_pairs_ratios` are no shares of one.
    #[error("crops.global_local_crop_pairs_ratios: {0}")]
    Ratios(#[from] ProbabilityError),
    /// A loader cannot be started.
    #[error(transparent)]
    Loader(#[from] LoaderError),
}

impl Hint for StartError {
    fn hints(&self) -> Hints {
        match self {
            Self::Sampler(error) => error.hints(),
            Self::Ratios(error) => error.hints(),
            Self::Loader(error) => error.hints(),
        }
    }
}

/// Batches of a run, without end. With crops of several sizes, a batch is of one of them, the same on all ranks.
pub struct RunLoader {
    loaders: Vec<Loader>,
    choice: Option<CombinedChoice>,
}

impl RunLoader {
    /// Starts the loaders of `config`. `base_seed` is called once for each, in order: the reference draws it from torch's global
    /// generator. `unusable` is told of every image that cannot be used.
    ///
    /// # Errors
    /// When a number cannot be honoured, or there are no threads to be had.
    pub fn start(
        config: &DataConfig,
        dataset: &Arc<dyn Dataset>,
        start: &Start,
        mut base_seed: impl FnMut() -> u64,
        unusable: &OnUnusable,
    ) -> Result<Self, StartError> {
        let mut loader = |resolution: &Resolution| -> Result<Loader, StartError> {
            let settings = Settings {
                batch_size: config.batch_size,
                streams: config.workers,
                base_seed: base_seed(),
                threads: start.threads,
                prefetch: start.prefetch,
                broken_limit: start.broken_limit,
            };
            let sampler = sampler(config, resolution, dataset.len(), start)?;
            let collation = Arc::new(resolution.collation.clone());
            Ok(Loader::start(Arc::clone(dataset), sampler, collation, &settings, Arc::clone(unusable))?)
        };
        let loaders = config.resolutions.iter().map(&mut loader).collect::<Result<Vec<_>, _>>()?;
        let ratios: Vec<_> = config.resolutions.iter().map(|resolution| resolution.ratio).collect();
        let choice = (ratios.len() > 1).then(|| CombinedChoice::new(&ratios, combined::SEED)).transpose()?;
        Ok(Self { loaders, choice })
    }

    /// How many different images have been unusable so far.
    pub fn broken(&self) -> usize {
        self.loaders.iter().map(Loader::broken).max().unwrap_or(0)
    }
}

impl Iterator for RunLoader {
    type Item = Result<Batch, LoaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let chosen = self.choice.as_mut().map_or(Some(0), Iterator::next)?;
        self.loaders.get_mut(chosen)?.next()
    }
}

fn sampler(
    config: &DataConfig,
    resolution: &Resolution,
    sample_count: usize,
    start: &Start,
) -> Result<Box<dyn Iterator<Item = usize> + Send>, SamplerError> {
    let settings = SamplerSettings {
        sample_count,
        shuffle: true,
        seed: resolution.sampler_seed(start.iteration),
        start: start.rank,
        step: start.world,
    };
    let advance = start.iteration * config.batch_size as u64;
    Ok(if config.sharded {
        Box::new(ShardedInfiniteSampler::new(settings, advance, false)?)
    } else {
        Box::new(InfiniteSampler::new(settings, advance)?)
    })
}
