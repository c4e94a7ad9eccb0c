//! The generators that the reference draws from, bit for bit.
//!
//! All but one turn the words of a Mersenne Twister (MT19937) into numbers, each library in a way of its own. A generator's
//! state is the Twister's and nothing else: torch and NumPy also keep the second half of a normal pair, but nothing that
//! `dinov3/data` draws reads or writes it.
//!
//! * [`TorchGenerator`]: torch's on the CPU.
//! * [`PythonRandom`]: Python's `random`.
//! * [`NumpyRandom`]: NumPy's global one, `numpy.random.seed` and so on.
//! * [`NumpyGenerator`]: `numpy.random.default_rng`, which is PCG64. Only one with a seed can be had.
//! * [`Streams`]: the first three of a process, or of a worker of torch's `DataLoader`.
//!
//! An argument that Python would raise an exception on, such as an empty range, panics.

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
