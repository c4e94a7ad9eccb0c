//! torch's generator on the CPU (`torch.Generator`), as of 2.8.0.

use rand_mt::Mt;

use super::twister::Twister;

/// From this many values on, torch takes 64 bits for an integer.
const WIDE: u64 = 1 << 28;
/// From this many elements on, torch permutes by another algorithm.
const LARGE: u64 = u32::MAX as u64 / 20;

/// torch's generator on the CPU.
///
/// Each method is one call of torch with tensors of a single element, or of `randperm`. A tensor of n elements is n calls.
#[derive(Clone, Debug)]
pub struct TorchGenerator {
    pub(super) words: Twister,
}

impl TorchGenerator {
    /// `torch.Generator().manual_seed(seed)`. The Twister takes the low 32 bits of the seed and no more.
    pub fn new(seed: u64) -> Self {
        Self { words: Twister::new(Mt::new(seed as u32)) }
    }

    /// `manual_seed(seed)`: what was drawn before does not matter any more.
    pub fn manual_seed(&mut self, seed: u64) {
        *self = Self::new(seed);
    }

    /// The next 32 bits.
    pub fn random(&mut self) -> u32 {
        self.words.next_u32()
    }

    /// The next 64 bits: the first word is the high half.
    pub fn random64(&mut self) -> u64 {
        self.words.next_u64()
    }

    /// `torch.empty(1).uniform_(from, to).item()`, of `from` to `to`, both included because of rounding.
    ///
    /// torch's kernels for AVX2, AVX-512 and aarch64 round once, by a fused multiply-add. Its kernel for x86 without AVX2 rounds
    /// twice, and differs in the last bit of about every fourth number.
    pub fn uniform(&mut self, from: f32, to: f32) -> f32 {
        self.rand().mul_add(to - from, from)
    }

    /// `torch.rand(1).item()`, of 0 to 1, 1 excluded.
    pub fn rand(&mut self) -> f32 {
        (self.random() & 0xff_ffff) as f32 / (1 << 24) as f32
    }

    /// `torch.randint(low, high, (1,)).item()`, of `low` to `high`, `high` excluded.
    ///
    /// # Panics
    /// When `low >= high`.
    pub fn randint(&mut self, low: i64, high: i64) -> i64 {
        assert!(low < high, "no integer from {low} on is below {high}");
        low.wrapping_add(self.below(high.wrapping_sub(low) as u64) as i64)
    }

    /// `torch.randint(0, bound, (1,)).item()`. A range of one value takes a word as well.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound < WIDE { u64::from(self.random() % bound as u32) } else { self.random64() % bound }
    }

    /// `torch.randperm(n)`, the same for `dtype=torch.int32` and `torch.int64`.
    pub fn randperm(&mut self, n: usize) -> Vec<i64> {
        let mut permutation: Vec<i64> = (0..n as i64).collect();
        if (n as u64) < LARGE {
            for i in 0..n.saturating_sub(1) {
                let offset = self.random() % (n - i) as u32;
                permutation.swap(i, i + offset as usize);
            }
        } else {
            for i in 0..n {
                let place = (self.random64() % (i as u64 + 1)) as usize;
                permutation.swap(i, place);
            }
        }
        permutation
    }

    /// `torch.empty((), dtype=torch.int64).random_().item()`, of 0 to 2⁶³ - 1: what a `DataLoader` seeds its workers from.
    pub fn random_(&mut self) -> i64 {
        (self.random64() & i64::MAX as u64) as i64
    }

    /// As if each element of that many permutations of `n` elements had been drawn by [`TorchGenerator::below`].
    pub(crate) fn skip_permutations(&mut self, count: u64, n: u64) {
        let wide = n.saturating_sub(WIDE - 1);
        for _ in 0..count.saturating_mul(n + wide) {
            self.words.next_u32();
        }
    }
}

#[cfg(test)]
mod tests;
