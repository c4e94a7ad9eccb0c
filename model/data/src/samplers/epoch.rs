//! The sampler with passes of a given length.

use super::{SamplerError, SamplerSettings, fits};
use crate::random::NumpyGenerator;

/// The reference's `EpochSampler`: a number of samples, more or fewer than the dataset has, in an order that depends on
/// the epoch.
#[derive(Clone, Debug)]
pub struct EpochSampler {
    settings: SamplerSettings,
    size: usize,
    /// The smallest multiple of the dataset's length that is at least `size`.
    population: usize,
    epoch: u64,
}

impl EpochSampler {
    /// A sampler of `size` samples over all ranks, at epoch 0.
    ///
    /// # Errors
    /// If there is no such rank, no sample, or more than 2³² - 1 samples.
    pub fn new(settings: SamplerSettings, size: usize) -> Result<Self, SamplerError> {
        settings.check()?;
        if size == 0 {
            return Err(SamplerError::Zero("size"));
        }
        fits("size", size)?;
        let population = size.div_ceil(settings.sample_count) * settings.sample_count;
        fits("size, in whole datasets,", population)?;
        Ok(Self { settings, size, population, epoch: 0 })
    }

    /// Sets the epoch of the next pass. With a seed of 0, or in epoch 0, the order depends only on the epoch.
    pub fn set_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// Number of the rank's samples.
    pub fn len(&self) -> usize {
        self.size.saturating_sub(self.settings.start).div_ceil(self.settings.step)
    }

    /// Whether the rank has no samples, because there are fewer samples than ranks.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The indices of a pass. Takes 4 bytes for each sample of all ranks if shuffled.
    pub fn iter(&self) -> impl Iterator<Item = usize> + Send + use<> {
        let SamplerSettings { sample_count, shuffle, seed, start, step } = self.settings;
        let seed = if seed == 0 { self.epoch.into() } else { u128::from(seed) * u128::from(self.epoch) };
        let chosen = shuffle.then(|| NumpyGenerator::new(seed).choice_without_replacement(self.population, self.size));
        let tiled = move |i| chosen.as_ref().map_or(i, |chosen| chosen[i] as usize);
        (start..self.size).step_by(step).map(move |i| tiled(i) % sample_count)
    }
}
