//! NumPy 2.4's global generator (`numpy.random.RandomState`).

use rand_mt::Mt;

use super::twister::{Twister, WORDS};

/// The number of words in the longest key of [`NumpyRandom::from_array`].
const STATE_WORDS: usize = WORDS;

/// NumPy's legacy generator: `numpy.random.RandomState`, and the global generator that `numpy.random.seed` seeds.
#[derive(Clone, Debug)]
pub struct NumpyRandom {
    pub(super) words: Twister,
}

impl NumpyRandom {
    /// `RandomState(seed)`.
    pub fn new(seed: u32) -> Self {
        Self { words: Twister::new(Mt::new(seed)) }
    }

    /// `RandomState(words)`. An array of one word gives another state than the word itself.
    ///
    /// # Panics
    /// If there are no words, or more than 624.
    pub fn from_array(words: &[u32]) -> Self {
        let length = words.len();
        assert!((1..=STATE_WORDS).contains(&length), "a seed is 1 to {STATE_WORDS} words, not {length}");
        Self { words: Twister::new(Mt::new_with_key(words.iter().copied())) }
    }

    /// `numpy.random.seed(seed)`: resets the state.
    pub fn seed(&mut self, seed: u32) {
        *self = Self::new(seed);
    }

    /// `numpy.random.seed(words)`.
    ///
    /// # Panics
    /// As [`NumpyRandom::from_array`].
    pub fn seed_array(&mut self, words: &[u32]) {
        *self = Self::from_array(words);
    }

    /// `numpy.random.randint(low, high)`: from `low` to `high`, without `high`. A call with size n equals n of these
    /// calls.
    ///
    /// # Panics
    /// If `low >= high`.
    pub fn randint(&mut self, low: i64, high: i64) -> i64 {
        assert!(low < high, "no integer from {low} on is below {high}");
        low.wrapping_add(self.at_most(high.wrapping_sub(low) as u64 - 1) as i64)
    }

    /// `numpy.random.permutation(n)`.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut permutation: Vec<_> = (0..n).collect();
        for i in (1..n).rev() {
            let other = self.at_most(i as u64);
            permutation.swap(i, other as usize);
        }
        permutation
    }

    /// `numpy.random.choice(values, size, replace=False)`. The number of draws does not depend on `size`, even for 0.
    ///
    /// # Panics
    /// If `size` exceeds the number of values.
    pub fn choice_without_replacement<T: Copy>(&mut self, values: &[T], size: usize) -> Vec<T> {
        assert!(size <= values.len(), "{size} of {} values cannot be chosen without replacement", values.len());
        self.permutation(values.len())[..size].iter().map(|place| values[*place]).collect()
    }

    /// A number from 0 to `most`, included. Draws as many bits as `most` has, from the low end, repeatedly until they
    /// are at most `most`.
    fn at_most(&mut self, most: u64) -> u64 {
        if most == 0 {
            return 0;
        }
        let mask = u64::MAX >> most.leading_zeros();
        let narrow = most <= u64::from(u32::MAX);
        loop {
            let value = mask & if narrow { u64::from(self.words.next_u32()) } else { self.words.next_u64() };
            if value <= most {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests;
