//! The random generators of the reference, bit for bit.
//!
//! All generators except one turn the words of a Mersenne Twister (MT19937) into numbers, and each library does it in
//! its own way. The state of a generator is the state of the Twister: torch and NumPy also keep the second half of a
//! normal pair, but no draw of `dinov3/data` reads or writes it.
//!
//! * [`TorchGenerator`]: torch's on the CPU.
//! * [`PythonRandom`]: Python's `random`.
//! * [`NumpyRandom`]: NumPy's global generator (`numpy.random.seed`).
//! * [`NumpyGenerator`]: `numpy.random.default_rng`, which is PCG64. It always has a seed.
//! * [`Streams`]: the first three generators of a process, or of a worker of torch's `DataLoader`.
//!
//! An argument for which Python raises an exception, such as an empty range, panics.

mod generator;
mod numpy;
mod python;
mod seed_sequence;
mod streams;
#[cfg(test)]
pub(crate) mod testing;
mod torch;
mod twister;

pub(crate) use generator::cumulative;
pub use generator::{NumpyGenerator, ProbabilityError};
pub use numpy::NumpyRandom;
pub use python::PythonRandom;
pub use streams::{STATE_BYTES, Streams};
pub use torch::TorchGenerator;
