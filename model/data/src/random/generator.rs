//! NumPy 2.4's newer generator (`numpy.random.Generator` over PCG64).

use std::collections::HashSet;

use dinov3_ground::{Hint, Hints};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

use super::seed_sequence::SeedSequence;

/// A choice from a population of at most this size keeps a set of the taken numbers, not a list of all numbers.
const FEW: usize = 10_000;
/// A choice from a larger population also keeps a set if it takes at most one number in this many.
const SPARSE: usize = 50;

/// `numpy.random.default_rng(seed)`.
#[derive(Clone, Debug)]
pub struct NumpyGenerator {
    words: Pcg64,
    /// The high half of a word, kept after its low half was drawn.
    half: Option<u32>,
}

/// The reason why numbers are not probabilities.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ProbabilityError {
    /// There are no numbers.
    #[error("there are no probabilities")]
    None,
    /// A number is NaN.
    #[error("probability {0} is not a number")]
    NotANumber(usize),
    /// A number is below zero.
    #[error("probability {place} is {value}, below zero")]
    Negative {
        /// Its index, from 0.
        place: usize,
        /// Its value.
        value: f64,
    },
    /// The sum differs from 1 by more than about 1.5e-8.
    #[error("the probabilities sum to {0}, not to 1")]
    Sum(f64),
}

impl Hint for ProbabilityError {
    fn hints(&self) -> Hints {
        let hint: String = match self {
            Self::None => "give at least one".to_owned(),
            Self::NotANumber(_) | Self::Negative { .. } => "use numbers from 0 to 1".to_owned(),
            Self::Sum(sum) => format!("divide each of them by {sum}"),
        };
        hint.into()
    }
}

impl NumpyGenerator {
    /// `numpy.random.default_rng(seed)`. All 128 bits of the seed count.
    pub fn new(seed: u128) -> Self {
        let entropy = std::array::from_fn(|i| (seed >> (32 * i)) as u32);
        let state: [u32; 8] = SeedSequence::new(entropy).state();
        // Halves of 64 bits come with their high one first, words within them with their low one first.
        let wide = |i: usize| [1, 0, 3, 2].iter().fold(0, |wide, j| wide << 32 | u128::from(state[i + j]));
        Self { words: Pcg64::new(wide(0), wide(4)), half: None }
    }

    /// `random()`: a multiple of 2⁻⁵³ from 0 to 1, without 1.
    pub fn random(&mut self) -> f64 {
        (self.words.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `choice(population, size, replace=False)`: the chosen numbers from 0 to `population`, without `population`.
    ///
    /// # Panics
    /// If `size > population`, or `population` is 2³² or more.
    pub fn choice_without_replacement(&mut self, population: usize, size: usize) -> Vec<u32> {
        assert!(size <= population, "{size} of {population} cannot be chosen without replacement");
        let all = u32::try_from(population).expect("a population below 2^32");
        if population > FEW && size > population / SPARSE {
            let mut chosen: Vec<u32> = (0..all).collect();
            self.shuffle(&mut chosen, population - size);
            return chosen.split_off(population - size);
        }
        // Floyd's algorithm: take any of j + 1 numbers, or the last if the drawn number is already taken.
        let mut taken = HashSet::with_capacity(size);
        let mut one = |j| {
            let any = self.at_most(j);
            let chosen = if taken.insert(any) { any } else { j };
            taken.insert(chosen);
            chosen
        };
        let mut chosen: Vec<u32> = (all - size as u32..all).map(&mut one).collect();
        self.shuffle(&mut chosen, 1);
        chosen
    }

    /// `choice(len(p), p=p)`, with the cumulative sums of p.
    pub(crate) fn choice(&mut self, cumulative: &[f64]) -> usize {
        let value = self.random();
        cumulative.partition_point(|sum| *sum <= value)
    }

    /// Exchanges each item, from the last to number `first`, with an earlier item or with itself.
    fn shuffle(&mut self, items: &mut [u32], first: usize) {
        for i in (first..items.len()).rev() {
            let other = self.at_most(i as u32);
            items.swap(i, other as usize);
        }
    }

    /// A number from 0 to `most`, included, by Lemire's method: the high half of a product. A product is drawn again if
    /// its low half is one of the few that would make some numbers likelier. The population's bound keeps `most` below
    /// 2³² - 1.
    fn at_most(&mut self, most: u32) -> u32 {
        if most == 0 {
            return 0;
        }
        let count = most + 1;
        let unfair = (u32::MAX - most) % count;
        loop {
            let product = u64::from(self.next_u32()) * u64::from(count);
            if product as u32 >= unfair {
                return (product >> 32) as u32;
            }
        }
    }

    /// Half a word, the low half first.
    fn next_u32(&mut self) -> u32 {
        if let Some(half) = self.half.take() {
            return half;
        }
        let word = self.words.next_u64();
        self.half = Some((word >> 32) as u32);
        word as u32
    }
}

/// The cumulative sums of probabilities for [`NumpyGenerator::choice`], computed as NumPy does.
pub(crate) fn cumulative(probabilities: &[f64]) -> Result<Vec<f64>, ProbabilityError> {
    if let Some(place) = probabilities.iter().position(|p| p.is_nan()) {
        return Err(ProbabilityError::NotANumber(place));
    }
    if let Some((place, value)) = probabilities.iter().copied().enumerate().find(|(_, p)| *p < 0.0) {
        return Err(ProbabilityError::Negative { place, value });
    }
    let mut sum = 0.0;
    let mut cumulative: Vec<f64> = probabilities
        .iter()
        .map(|p| {
            sum += p;
            sum
        })
        .collect();
    let Some(last) = cumulative.last().copied() else { return Err(ProbabilityError::None) };
    if (last - 1.0).abs() > f64::EPSILON.sqrt() {
        return Err(ProbabilityError::Sum(last));
    }
    cumulative.iter_mut().for_each(|sum| *sum /= last);
    Ok(cumulative)
}

#[cfg(test)]
mod tests;
