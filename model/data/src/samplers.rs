//! In which order a rank sees the images (`dinov3/data/samplers.py`).
//!
//! * [`InfiniteSampler`]: all ranks share a permutation; the trainer's choice.
//! * [`ShardedInfiniteSampler`]: each rank permutes a part of its own; the trainer's choice for a dataset that is cached.
//! * [`EpochSampler`]: a pass of a given length, another in each epoch.
//!
//! Indices are those that the reference yields, and come from the same random streams. torch's `DistributedSampler`, which the
//! reference's trainer never uses, is not here.

use dinov3_ground::{Hint, Hints};

mod epoch;
mod infinite;
mod sharded;

pub use epoch::EpochSampler;
pub use infinite::InfiniteSampler;
pub use sharded::ShardedInfiniteSampler;

/// What a sampler is made of, in the reference's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SamplerSettings {
    /// Samples of the dataset.
    pub sample_count: usize,
    /// Whether they come in random order.
    pub shuffle: bool,
    /// The seed of that order.
    pub seed: u64,
    /// The rank.
    pub start: usize,
    /// How many ranks there are.
    pub step: usize,
}

/// Arguments that make no sampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SamplerError {
    /// One that has to be 1 or more.
    #[error("{0} is 0")]
    Zero(&'static str),
    /// A rank of another world.
    #[error("start is {start}, and step {step}: there is no such rank")]
    Rank {
        /// The rank.
        start: usize,
        /// How many ranks there are.
        step: usize,
    },
    /// The rank would wait for ever.
    #[error("sample_count is {sample_count}: none are for rank {start} of {step}")]
    TooFew {
        /// Samples of the dataset.
        sample_count: usize,
        /// The rank.
        start: usize,
        /// How many ranks there are.
        step: usize,
    },
    /// An order is kept as 32-bit numbers.
    #[error("{argument} is {given}, more than the 2^32 - 1 that can be put in order")]
    TooMany {
        /// Which.
        argument: &'static str,
        /// Its value.
        given: usize,
    },
}

impl Hint for SamplerError {
    fn hints(&self) -> Hints {
        let hint: String = match self {
            Self::Zero("sample_count") => "use a dataset that is not empty".to_owned(),
            Self::Zero(_) => "use 1 or more".to_owned(),
            Self::Rank { step, .. } => format!("ranks are 0 to {}", step - 1),
            Self::TooFew { .. } => "use no more ranks than samples".to_owned(),
            Self::TooMany { .. } => "use a part of the dataset".to_owned(),
        };
        hint.into()
    }
}

impl SamplerSettings {
    fn check(&self) -> Result<(), SamplerError> {
        let Self { sample_count, start, step, .. } = *self;
        if sample_count == 0 {
            return Err(SamplerError::Zero("sample_count"));
        }
        if step == 0 {
            return Err(SamplerError::Zero("step"));
        }
        if start >= step {
            return Err(SamplerError::Rank { start, step });
        }
        fits("sample_count", sample_count)
    }

    /// Samples that the rank has of each pass over the dataset.
    fn per_pass(&self) -> Result<usize, SamplerError> {
        let Self { sample_count, start, step, .. } = *self;
        if start >= sample_count { Err(self.too_few()) } else { Ok((sample_count - start).div_ceil(step)) }
    }

    fn too_few(&self) -> SamplerError {
        let Self { sample_count, start, step, .. } = *self;
        SamplerError::TooFew { sample_count, start, step }
    }
}

fn fits(argument: &'static str, given: usize) -> Result<(), SamplerError> {
    if u32::try_from(given).is_err() { Err(SamplerError::TooMany { argument, given }) } else { Ok(()) }
}

/// `range(sample_count)` from `start` on, each `step`-th, over and over.
#[derive(Clone, Debug)]
struct InOrder {
    settings: SamplerSettings,
    next: usize,
}

impl InOrder {
    fn new(settings: SamplerSettings, advance: u64) -> Result<Self, SamplerError> {
        let past = advance % settings.per_pass()? as u64;
        Ok(Self { settings, next: settings.start + past as usize * settings.step })
    }

    fn pass_over(&mut self, samples: u64) {
        let SamplerSettings { sample_count, start, step, .. } = self.settings;
        let each = ((sample_count - start).div_ceil(step)) as u64;
        let drawn = ((self.next - start) / step) as u64;
        self.next = start + ((drawn + samples % each) % each) as usize * step;
    }

    fn next(&mut self) -> usize {
        let index = self.next;
        self.next += self.settings.step;
        if self.next >= self.settings.sample_count {
            self.next = self.settings.start;
        }
        index
    }
}

#[cfg(test)]
mod tests;
