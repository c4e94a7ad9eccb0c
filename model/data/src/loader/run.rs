//! The loaders of a run (`build_multi_resolution_data_loader_from_cfg`, `dinov3/train/train.py`).

use std::sync::Arc;

use dinov3_ground::{Hint, Hints};
use serde::{Deserialize, Serialize};

use super::{Loader, LoaderError, OnUnusable, Position, Settings};
use crate::collate::Batch;
use crate::combined::{self, CombinedChoice};
use crate::config::{DataConfig, Resolution};
use crate::dataset::Dataset;
use crate::random::{ProbabilityError, STATE_BYTES, Streams};
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
    /// A position is that of another run's loader.
    #[error("the saved position is one of another loader: {what} is {saved} there, and {here} here")]
    Position {
        /// What differs.
        what: &'static str,
        /// Its value in the position.
        saved: u64,
        /// Its value here.
        here: u64,
    },
}

impl Hint for StartError {
    fn hints(&self) -> Hints {
        match self {
            Self::Sampler(error) => error.hints(),
            Self::Ratios(error) => error.hints(),
            Self::Loader(error) => error.hints(),
            Self::Position { .. } => {
                "resume with the dataset, the batch size and the ranks of the run that was saved".into()
            }
        }
    }
}

/// Where a run's loader stands between two batches: what a file keeps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPosition {
    /// The numbers.
    pub at: RunAt,
    /// The random streams, [`STATE_BYTES`] each: those of the first loader, then those of the next.
    pub streams: Vec<u8>,
}

/// The numbers of a [`RunPosition`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunAt {
    /// The iteration that the loader was first started for.
    pub iteration: u64,
    /// The rank.
    pub rank: usize,
    /// How many ranks there are.
    pub world: usize,
    /// Images of a batch.
    pub batch_size: usize,
    /// Images of the dataset.
    pub samples: usize,
    /// Of each resolution's loader.
    pub loaders: Vec<LoaderAt>,
}

/// How far the loader of one resolution has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoaderAt {
    /// Batches that were taken.
    pub taken: u64,
    /// Images that could not be used.
    pub broken: Vec<usize>,
}

/// Batches of a run, without end. With crops of several sizes, a batch is of one of them, the same on all ranks.
pub struct RunLoader {
    loaders: Vec<Loader>,
    choice: Option<CombinedChoice>,
    /// Without the loaders' numbers.
    at: RunAt,
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
        let positions = config.resolutions.iter().map(|_| {
            let settings = settings(config, start, base_seed());
            (settings, Position::first(settings.base_seed, settings.streams))
        });
        Self::begin(config, dataset, start, positions.collect(), unusable)
    }

    /// Starts the loaders of `config` where those of `position` stood: the batches are those that would have come next, to the bit. The
    /// samplers go on in the order that began at the position's iteration, and `start.iteration` does not count.
    ///
    /// # Errors
    /// As [`RunLoader::start`], and when dataset, batch size, ranks, resolutions or workers are not the position's.
    pub fn resume(
        config: &DataConfig,
        dataset: &Arc<dyn Dataset>,
        start: &Start,
        position: &RunPosition,
        unusable: &OnUnusable,
    ) -> Result<Self, StartError> {
        let RunPosition { at, streams } = position;
        let each = config.workers * STATE_BYTES;
        for (what, saved, here) in [
            ("the rank", at.rank, start.rank),
            ("the number of ranks", at.world, start.world),
            ("the number of images in a batch", at.batch_size, config.batch_size),
            ("the number of images in the dataset", at.samples, dataset.len()),
            ("the number of resolutions", at.loaders.len(), config.resolutions.len()),
            ("the size of the random streams in bytes", streams.len(), each * config.resolutions.len()),
        ] {
            if saved != here {
                return Err(StartError::Position { what, saved: saved as u64, here: here as u64 });
            }
        }
        let positions = at.loaders.iter().enumerate().map(|(i, at)| {
            let streams = &streams[i * each..(i + 1) * each];
            let streams = streams.chunks(STATE_BYTES).filter_map(Streams::from_state).collect();
            let position = Position { taken: at.taken, streams, broken: at.broken.iter().copied().collect() };
            (settings(config, start, 0), position)
        });
        let start = Start { iteration: at.iteration, ..*start };
        Self::begin(config, dataset, &start, positions.collect(), unusable)
    }

    fn begin(
        config: &DataConfig,
        dataset: &Arc<dyn Dataset>,
        start: &Start,
        positions: Vec<(Settings, Position)>,
        unusable: &OnUnusable,
    ) -> Result<Self, StartError> {
        let taken: u64 = positions.iter().map(|(_, position)| position.taken).sum();
        let mut loaders = Vec::with_capacity(positions.len());
        for (resolution, (settings, position)) in config.resolutions.iter().zip(positions) {
            let sampler = sampler(config, resolution, dataset.len(), start, position.taken)?;
            let collation = Arc::new(resolution.collation.clone());
            let (dataset, unusable) = (Arc::clone(dataset), Arc::clone(unusable));
            loaders.push(Loader::start_at(dataset, sampler, collation, &settings, unusable, position)?);
        }
        let ratios: Vec<_> = config.resolutions.iter().map(|resolution| resolution.ratio).collect();
        let mut choice = (ratios.len() > 1).then(|| CombinedChoice::new(&ratios, combined::SEED)).transpose()?;
        // A choice is one number of its generator, and there were as many as batches.
        choice.iter_mut().for_each(|choice| {
            choice.take(taken as usize).for_each(drop);
        });
        let Start { iteration, rank, world, .. } = *start;
        let (batch_size, samples) = (config.batch_size, dataset.len());
        let at = RunAt { iteration, rank, world, batch_size, samples, loaders: Vec::new() };
        Ok(Self { loaders, choice, at })
    }

    /// Where the loaders stand: what [`RunLoader::resume`] goes on from. Batches that are made ahead do not count.
    pub fn position(&self) -> RunPosition {
        let of = |loader: &Loader| {
            let Position { taken, broken, .. } = loader.position();
            LoaderAt { taken: *taken, broken: broken.iter().copied().collect() }
        };
        let streams = self.loaders.iter().flat_map(|loader| &loader.position().streams);
        RunPosition {
            at: RunAt { loaders: self.loaders.iter().map(of).collect(), ..self.at.clone() },
            streams: streams.flat_map(Streams::state).collect(),
        }
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

fn settings(config: &DataConfig, start: &Start, base_seed: u64) -> Settings {
    Settings {
        batch_size: config.batch_size,
        streams: config.workers,
        base_seed,
        threads: start.threads,
        prefetch: start.prefetch,
        broken_limit: start.broken_limit,
    }
}

/// The sampler of a resolution after so many batches since the start.
fn sampler(
    config: &DataConfig,
    resolution: &Resolution,
    sample_count: usize,
    start: &Start,
    taken: u64,
) -> Result<Box<dyn Iterator<Item = usize> + Send>, SamplerError> {
    let settings = SamplerSettings {
        sample_count,
        shuffle: true,
        seed: resolution.sampler_seed(start.iteration),
        start: start.rank,
        step: start.world,
    };
    let batch_size = config.batch_size as u64;
    let (advance, taken) = (start.iteration * batch_size, taken * batch_size);
    Ok(if config.sharded {
        let mut sampler = ShardedInfiniteSampler::new(settings, advance, false)?;
        sampler.pass_over(taken);
        Box::new(sampler)
    } else {
        Box::new(InfiniteSampler::new(settings, advance + taken)?)
    })
}
