//! The random streams of a process.

use super::seed_sequence::SeedSequence;
use super::twister::{Twister, WORDS};
use super::{NumpyRandom, PythonRandom, TorchGenerator};

/// Number of bytes of [`Streams::state`].
pub const STATE_BYTES: usize = 3 * WORDS * size_of::<u32>();

/// The three global generators of a process that runs the reference.
#[derive(Clone, Debug)]
pub struct Streams {
    /// torch's generator.
    pub torch: TorchGenerator,
    /// Python's generator.
    pub python: PythonRandom,
    /// NumPy's generator.
    pub numpy: NumpyRandom,
}

impl Streams {
    /// The streams after `dinov3.utils.fix_random_seeds(seed)`. NumPy accepts seeds of at most 32 bits, and so does the
    /// reference.
    pub fn fix_random_seeds(seed: u32) -> Self {
        Self {
            torch: TorchGenerator::new(seed.into()),
            python: PythonRandom::new(seed.into()),
            numpy: NumpyRandom::new(seed),
        }
    }

    /// The initial streams of worker number `worker`, from 0, of torch's `DataLoader`
    /// (`torch/utils/data/_utils/worker.py`).
    ///
    /// The loader draws `base_seed` when its iterator is made: [`TorchGenerator::random_`] of the main process's torch.
    pub fn of_worker(base_seed: u64, worker: u64) -> Self {
        // torch draws only base seeds below 2⁶³, so the sum with a worker's number fits.
        let seed = base_seed.wrapping_add(worker);
        let entropy = [worker as u32, base_seed as u32, (base_seed >> 32) as u32, 0];
        Self {
            torch: TorchGenerator::new(seed),
            python: PythonRandom::new(seed),
            numpy: NumpyRandom::from_array(&SeedSequence::new(entropy).state::<4>()),
        }
    }

    /// The state of the streams in [`STATE_BYTES`] bytes: the next 624 words of torch's, Python's and NumPy's
    /// generators, little-endian.
    pub fn state(&self) -> Vec<u8> {
        let all = [&self.torch.words, &self.python.words, &self.numpy.words];
        all.into_iter().flat_map(|words| words.state().into_iter().flat_map(u32::to_le_bytes)).collect()
    }

    /// The streams with this state; `None` if `state` has another length.
    pub fn from_state(state: &[u8]) -> Option<Self> {
        let (words, []) = state.as_chunks::<4>() else { return None };
        let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let (each, []) = words.as_chunks::<WORDS>() else { return None };
        let [torch, python, numpy] = each else { return None };
        let [torch, python, numpy] = [torch, python, numpy].map(Twister::from_state);
        Some(Self {
            torch: TorchGenerator { words: torch },
            python: PythonRandom { words: python },
            numpy: NumpyRandom { words: numpy },
        })
    }
}

#[cfg(test)]
mod tests;
