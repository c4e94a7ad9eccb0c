//! NumPy's global generator (`numpy.random.RandomState`), as of 2.4.

use rand_mt::Mt;

use super::twister::{Twister, WORDS};

/// The longest key that [`NumpyRandom::from_array`] takes.
const STATE_WORDS: usize = WORDS;

/// NumPy's legacy generator: `numpy.random.RandomState`, and what `numpy.random.seed` seeds.
#[derive(Clone, Debug)]
pub struct NumpyRandom {
    pub(super) words: Twister,
}

impl NumpyRandom {
    /// `RandomState(seed)`.
    pub fn new(seed: u32) -> Self {
        Self { words: Twister::new(Mt::new(seed)) }
    }

    /// `RandomState(words)`. An array of one word is another seed than that word.
    ///
    /// # Panics
    /// When there are no words, or more than 624.
    pub fn from_array(words: &[u32]) -> Self {
        let length = words.len();
        assert!((1..=STATE_WORDS).contains(&length), "a seed is 1 to {STATE_WORDS} words, not {length}");
        Self { words: Twister::new(Mt::new_with_key(words.iter().copied())) }
    }

    /// `numpy.random.seed(seed)`: what was drawn before does not matter any more.
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

    /// `numpy.random.randint(low, high)`, of `low` to `high`, `high` excluded. With a size of n it is n of these.
    ///
    /// # Panics
    /// When `low >= high`.
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

    /// `numpy.random.choice(values, size, replace=False)`. Draws as much for a size of 0 as for any other.
    ///
    /// # Panics
    /// When `size` is more than there are values.
    pub fn choice_without_replacement<T: Copy>(&mut self, values: &[T], size: usize) -> Vec<T> {
        assert!(size <= values.len(), "{size} of {} values cannot be chosen without replacement", values.len());
        self.permutation(values.len())[..size].iter().map(|place| values[*place]).collect()
    }

    /// Of 0 to `most`, included; draws as many bits as `most` has, from the low end, until they are no more than it.
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
