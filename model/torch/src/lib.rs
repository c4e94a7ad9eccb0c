//! libtorch as the trainer needs it: the calls that tch lacks, with C++ exceptions turned into values, c10d's stores and
//! backends, devices, generators, and what holds libtorch to reproducible arithmetic.
//!
//! The only C++ of the trainer is in `model/torch/shim`, and the only `unsafe` code that is about libtorch is here.

pub mod bytes;
pub mod c10d;
pub mod device;
pub mod hooks;
pub mod plugin;
pub mod runtime;
pub mod shim;
