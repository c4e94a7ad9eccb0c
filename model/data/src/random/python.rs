//! Python's `random`, as of 3.11.

use rand_mt::Mt;

use super::twister::Twister;

/// Python's `random.Random`.
#[derive(Clone, Debug)]
pub struct PythonRandom {
    pub(super) words: Twister,
}

impl PythonRandom {
    /// `random.Random(seed)`. All 64 bits of the seed count.
    pub fn new(seed: u64) -> Self {
        let (low, high) = (seed as u32, (seed >> 32) as u32);
        let words = if high == 0 { Mt::new_with_key([low]) } else { Mt::new_with_key([low, high]) };
        Self { words: Twister::new(words) }
    }

    /// `random.seed(seed)`: what was drawn before does not matter any more.
    pub fn seed(&mut self, seed: u64) {
        *self = Self::new(seed);
    }

    /// `random.random()`, of 0 to 1, 1 excluded: a multiple of 2⁻⁵³.
    pub fn random(&mut self) -> f64 {
        let (high, low) = (self.words.next_u32() >> 5, self.words.next_u32() >> 6);
        (f64::from(high) * f64::from(1 << 26) + f64::from(low)) / (1u64 << 53) as f64
    }

    /// `random.uniform(a, b)`. `b` may be less than `a`.
    pub fn uniform(&mut self, a: f64, b: f64) -> f64 {
        a + (b - a) * self.random()
    }

    /// `random.randint(a, b)`, of `a` to `b`, both included.
    ///
    /// # Panics
    /// When `a > b`.
    pub fn randint(&mut self, a: i64, b: i64) -> i64 {
        assert!(a <= b, "no integer is at least {a} and at most {b}");
        let width = b.wrapping_sub(a) as u64;
        // All 2⁶⁴ integers are the one range whose width needs a 65th bit.
        let width = width.checked_add(1).expect("a range of fewer than 2^64 integers");
        a.wrapping_add(self.below(width) as i64)
    }

    /// `random.shuffle(items)`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let other = self.below(i as u64 + 1);
            items.swap(i, other as usize);
        }
    }

    /// Of 0 to `bound`, excluded; draws as many bits as `bound` has until they are below it.
    fn below(&mut self, bound: u64) -> u64 {
        let bits = u64::BITS - bound.leading_zeros();
        loop {
            let value = self.bits(bits);
            if value < bound {
                return value;
            }
        }
    }

    /// `random.getrandbits(bits)` for 1 to 64: the low word first, what is too much cut off at a word's low end.
    fn bits(&mut self, bits: u32) -> u64 {
        if bits <= u32::BITS {
            return u64::from(self.words.next_u32() >> (u32::BITS - bits));
        }
        let low = u64::from(self.words.next_u32());
        low | u64::from(self.words.next_u32() >> (u64::BITS - bits)) << u32::BITS
    }
}

#[cfg(test)]
mod tests;
