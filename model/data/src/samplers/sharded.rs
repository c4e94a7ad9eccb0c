//! A permutation for each rank.

use super::{InOrder, SamplerError, SamplerSettings};
use crate::random::TorchGenerator;

/// The reference's `ShardedInfiniteSampler`: each rank has a random part of the samples of its own, the same in each pass, and
/// permutes it anew for each pass.
///
/// Never ends. Parts are of one size; what is left over after that is seen by nobody (see [`ShardedInfiniteSampler::dropped`]).
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
    /// A sampler that has been advanced by `advance`, in the reference's way: the permutations that it skips are as many as
    /// `advance` holds datasets, not parts, so that a rank goes on elsewhere than where it would be after as many samples.
    /// To advance takes no time.
    ///
    /// `use_new_shuffle_tensor_slice` permutes parts by torch's `randperm`.
    ///
    /// # Errors
    /// When there is no such rank, or no sample for each, or more than 2³² - 1 of them.
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

    /// Leaves out the rank's next `samples`, as if they had been drawn. Unlike the `advance` of [`ShardedInfiniteSampler::new`], which the
    /// reference counts in whole datasets, the sampler goes on where it would be. To pass over them takes no time.
    pub fn pass_over(&mut self, samples: u64) {
        match &mut self.order {
            Order::Kept(order) => order.pass_over(samples),
            Order::Shuffled(order) => order.pass_over(samples),
        }
    }

    /// How many samples no rank ever sees: less than there are ranks, and none where the order is kept. The reference warns of them.
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
        // Each pass has a seed of its own, so none has to be drawn to be skipped.
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
        // Only the low 32 bits of a seed count.
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
            // The first one takes no word.
            let place = if i == 0 { 0 } else { generator.below(i as u64 + 1) as usize };
            self.permuted.push(*sample);
            self.permuted.swap(i, place);
        }
    }
}
