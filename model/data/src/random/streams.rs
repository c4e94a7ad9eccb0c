//! The streams of a process.

use super::seed_sequence::SeedSequence;
use super::twister::{Twister, WORDS};
use super::{NumpyRandom, PythonRandom, TorchGenerator};

/// Bytes of [`Streams::state`].
pub const STATE_BYTES: usize = 3 * WORDS * size_of::<u32>();

/// The three global generators of a process that runs the reference.
#[derive(Clone, Debug)]
pub struct Streams {
    /// torch's.
    pub torch: TorchGenerator,
    /// Python's.
    pub python: PythonRandom,
    /// NumPy's.
    pub numpy: NumpyRandom,
}

impl Streams {
    /// As `dinov3.utils.fix_random_seeds(seed)` leaves them. NumPy takes no seed of more than 32 bits, so nor does the reference.
    pub fn fix_random_seeds(seed: u32) -> Self {
        Self {
            torch: TorchGenerator::new(seed.into()),
            python: PythonRandom::new(seed.into()),
            numpy: NumpyRandom::new(seed),
        }
    }

    /// As worker number `worker`, from 0, of torch's `DataLoader` finds them (`torch/utils/data/_utils/worker.py`).
    ///
    /// `base_seed` is what the loader draws when its iterator is made: [`TorchGenerator::random_`] of the main process's torch.
    pub fn of_worker(base_seed: u64, worker: u64) -> Self {
        // Below 2⁶³ plus a number of workers, in all that torch draws.
        let seed = base_seed.wrapping_add(worker);
        let entropy = [worker as u32, base_seed as u32, (base_seed >> 32) as u32, 0];
        Self {
            torch: TorchGenerator::new(seed),
            python: PythonRandom::new(seed),
            numpy: NumpyRandom::from_array(&SeedSequence::new(entropy).state::<4>()),
        }
    }

    /// Where the streams stand, [`STATE_BYTES`] long: the next 624 words of torch's, Python's and NumPy's, little-endian.
    pub fn state(&self) -> Vec<u8> {
        let all = [&self.torch.words, &self.python.words, &self.numpy.words];
        all.into_iter().flat_map(|words| words.state().into_iter().flat_map(u32::to_le_bytes)).collect()
    }

    /// The streams that stand there; `None` if `state` has another length.
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
