//! The sampler with one permutation for all ranks.

use super::{InOrder, SamplerError, SamplerSettings};
use crate::random::TorchGenerator;

/// The reference's `InfiniteSampler`: consecutive permutations of all samples. Each rank takes its part of them.
///
/// Never ends. Keeps 4 bytes per sample if shuffled.
#[derive(Clone, Debug)]
pub struct InfiniteSampler {
    order: Order,
}

#[derive(Clone, Debug)]
enum Order {
    Kept(InOrder),
    Shuffled(Box<Shuffled>),
}

impl InfiniteSampler {
    /// A sampler after `advance` samples of the rank.
    ///
    /// Advancing takes about a nanosecond for each sample of all ranks.
    ///
    /// # Errors
    /// If there is no such rank, no sample for it, or more than 2³² - 1 samples.
    pub fn new(settings: SamplerSettings, advance: u64) -> Result<Self, SamplerError> {
        settings.check()?;
        let order = if settings.shuffle {
            Order::Shuffled(Box::new(Shuffled::new(settings, advance)?))
        } else {
            Order::Kept(InOrder::new(settings, advance)?)
        };
        Ok(Self { order })
    }
}

impl Iterator for InfiniteSampler {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        Some(match &mut self.order {
            Order::Kept(order) => order.next(),
            Order::Shuffled(order) => order.next(),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

/// Permutations, drawn only as far as needed.
#[derive(Clone, Debug)]
struct Shuffled {
    settings: SamplerSettings,
    generator: TorchGenerator,
    /// The permutation up to `drawn`, then the remaining samples.
    samples: Vec<u32>,
    drawn: usize,
    /// The next place of the rank in the permutation.
    next: usize,
}

impl Shuffled {
    fn new(settings: SamplerSettings, advance: u64) -> Result<Self, SamplerError> {
        let SamplerSettings { sample_count, seed, start, step, .. } = settings;
        let per_pass = settings.per_pass()? as u64;
        let mut generator = TorchGenerator::new(seed);
        // The number of words of a whole permutation does not depend on its values.
        generator.skip_permutations(advance / per_pass, sample_count as u64);
        let past = (advance % per_pass) as usize;
        let samples = (0..sample_count as u32).collect();
        Ok(Self { settings, generator, samples, drawn: 0, next: start + past * step })
    }

    fn next(&mut self) -> usize {
        if self.next >= self.samples.len() {
            self.begin();
        }
        while self.drawn <= self.next {
            let left = self.samples.len() - self.drawn;
            let offset = self.generator.below(left as u64) as usize;
            self.samples.swap(self.drawn, self.drawn + offset);
            self.drawn += 1;
        }
        let index = self.samples[self.next];
        self.next += self.settings.step;
        index as usize
    }

    /// Moves to the next permutation and skips the words that other ranks draw for this one.
    fn begin(&mut self) {
        let left = self.samples.len() - self.drawn;
        self.generator.skip_permutations(1, left as u64);
        self.samples.iter_mut().zip(0..).for_each(|(sample, index)| *sample = index);
        self.drawn = 0;
        self.next = self.settings.start;
    }
}
