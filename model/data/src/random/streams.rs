//! The streams of a process.

use super::seed_sequence::SeedSequence;
use super::{NumpyRandom, PythonRandom, TorchGenerator};

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
}

#[cfg(test)]
mod tests;
