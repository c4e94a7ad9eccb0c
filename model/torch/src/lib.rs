//! libtorch as the trainer needs it: calls that tch lacks, with C++ exceptions as error values; stores and backends of c10d; devices;
//! generators; and the pins that make libtorch's arithmetic reproducible.
//!
//! The only C++ of the trainer is in `model/torch/shim`, and the only `unsafe` code that is about libtorch is here.

pub mod bytes;
pub mod c10d;
pub mod device;
pub mod hooks;
pub mod plugin;
pub mod runtime;
pub mod shim;
