//! The sampler with a permutation for each rank.

use super::{InOrder, SamplerError, SamplerSettings};
use crate::random::TorchGenerator;

/// The reference's `ShardedInfiniteSampler`: each rank has its own random part of the samples, the same in each pass,
/// and draws a new permutation of it for each pass.
///
/// Never ends. All parts have the same size; no rank sees the samples left over (see
/// [`ShardedInfiniteSampler::dropped`]).
#[derive(Clone, Debug)]
pub struct ShardedInfiniteSampler {
    order: Order,
}

#[derive(Clone, Debug)]
enum Order {
    Kept(InOrder),
    Shuffled(Shuffled),
}

impl ShardedInfiniteSampler {
    /// A sampler advanced by `advance`, in the reference's way: it skips one permutation for each whole dataset in
    /// `advance`, not for each part. A rank therefore continues at another place than after `advance` drawn samples.
    /// Advancing takes no time.
    ///
    /// With `use_new_shuffle_tensor_slice`, torch's `randperm` permutes the parts.
    ///
    /// # Errors
    /// If there is no such rank, fewer samples than ranks, or more than 2³² - 1 samples.
    pub fn new(
        settings: SamplerSettings,
        advance: u64,
        use_new_shuffle_tensor_slice: bool,
    ) -> Result<Self, SamplerError> {
        settings.check()?;
        let datasets = settings.sample_count as u64;
        let (iter_count, advance) = (advance / datasets, advance % datasets);
        let order = if settings.shuffle {
            Order::Shuffled(Shuffled::new(settings, iter_count, advance, use_new_shuffle_tensor_slice)?)
        } else {
            Order::Kept(InOrder::new(settings, advance)?)
        };
        Ok(Self { order })
    }

    /// Skips the rank's next `samples` as if they had been drawn. The sampler continues exactly after them, unlike with
    /// the `advance` of [`ShardedInfiniteSampler::new`], which the reference counts in whole datasets. Skipping takes
    /// no time.
    pub fn pass_over(&mut self, samples: u64) {
        match &mut self.order {
            Order::Kept(order) => order.pass_over(samples),
            Order::Shuffled(order) => order.pass_over(samples),
        }
    }

    /// Number of samples that no rank ever sees: less than the number of ranks, and 0 without shuffling. The reference
    /// warns about them.
    pub fn dropped(&self) -> usize {
        match &self.order {
            Order::Kept(_) => 0,
            Order::Shuffled(order) => order.settings.sample_count % order.settings.step,
        }
    }
}

impl Iterator for ShardedInfiniteSampler {
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

#[derive(Clone, Debug)]
struct Shuffled {
    settings: SamplerSettings,
    use_new_shuffle_tensor_slice: bool,
    /// The rank's samples.
    part: Vec<u32>,
    iter_count: u64,
    /// The permutation of pass `iter_count`.
    permuted: Vec<u32>,
    next: usize,
}

impl Shuffled {
    fn new(settings: SamplerSettings, iter_count: u64, advance: u64, new: bool) -> Result<Self, SamplerError> {
        let SamplerSettings { sample_count, seed, start, step, .. } = settings;
        let count = sample_count / step;
        if count == 0 {
            return Err(settings.too_few());
        }
        let all = TorchGenerator::new(seed).randperm(sample_count);
        let part = all.into_iter().skip(start).step_by(step).take(count).map(|sample| sample as u32).collect();
        // Each pass has its own seed, so a skipped pass needs no draws.
        let iter_count = iter_count + advance / count as u64;
        let next = (advance % count as u64) as usize;
        let mut this =
            Self { settings, use_new_shuffle_tensor_slice: new, part, iter_count, permuted: Vec::new(), next };
        this.permute();
        Ok(this)
    }

    fn next(&mut self) -> usize {
        if self.next == self.permuted.len() {
            self.iter_count += 1;
            self.permute();
            self.next = 0;
        }
        let index = self.permuted[self.next];
        self.next += 1;
        index as usize
    }

    fn pass_over(&mut self, samples: u64) {
        let each = self.permuted.len() as u64;
        let next = self.next as u64 + samples;
        self.next = (next % each) as usize;
        if next >= each {
            self.iter_count += next / each;
            self.permute();
        }
    }

    fn permute(&mut self) {
        // Only the low 32 bits of a seed matter.
        let seed = self.settings.seed.wrapping_add(self.settings.start as u64).wrapping_add(self.iter_count << 24);
        let mut generator = TorchGenerator::new(seed);
        if self.use_new_shuffle_tensor_slice {
            let places = generator.randperm(self.part.len());
            self.permuted = places.into_iter().map(|place| self.part[place as usize]).collect();
            return;
        }
        self.permuted.clear();
        self.permuted.reserve_exact(self.part.len());
        for (i, sample) in self.part.iter().enumerate() {
            // The first element takes no word.
            let place = if i == 0 { 0 } else { generator.below(i as u64 + 1) as usize };
            self.permuted.push(*sample);
            self.permuted.swap(i, place);
        }
    }
}
