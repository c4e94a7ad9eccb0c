//! Golden sets of DINOv3: the format, its reader and writer, the comparison metrics, and the rule that tells rounding
//! from a defect.
//!
//! A set is a folder with `manifest.json`, one `*.safetensors` file for each recorded precision, and `SHA256SUMS`. It
//! holds the tensors that the reference computes, in execution order, once in float64 (the *truth*) and once in each
//! precision that a run may use. The reader maps the files into memory and never copies a whole tensor, so sets larger
//! than memory can be compared.
//!
//! * [`GoldenSet`] reads a set, [`verify`](fn@verify) checks every byte of one, [`SetWriter`] writes one.
//! * [`compare`] measures two tensors, [`digest`](fn@digest) summarises one.
//! * [`Judge`] applies the rule of [`tolerance`] to a candidate and names the first divergence.
//!
//! This crate does not use libtorch: a tensor is a dtype, a shape and little-endian bytes ([`TensorView`]).

pub mod digest;
pub mod fingerprint;
pub mod judge;
pub mod local;
pub mod manifest;
pub mod metrics;
pub mod names;
pub mod promise;
pub mod recipe;
pub mod sample;
pub mod set;
pub mod sums;
pub mod tensor;
pub mod tensor_file;
pub mod tolerance;
pub mod verify;
pub mod writer;

mod ulp;

pub use digest::{Digest, Stats, crc32_hex, digest, sha256_hex};
pub use fingerprint::{Circumstance, Difference, Fingerprint};
pub use judge::{
    Check, EntryJudgement, Expectation, Judge, JudgeError, NameRules, Outcome, RareError, Reason, SetJudgement,
    judge_set,
};
pub use manifest::{
    ChangedFile, Checkout, CheckoutDiff, Entry, Manifest, PerPrecision, PrecisionFile, Recipe, Record, SCHEMA_VERSION,
    Spread, Storage, Student,
};
pub use metrics::{CompareError, Metrics, compare};
pub use names::{Dtype, EntryName, EntryNameError, Keep, Kind, Precision, Stage, UnknownName, WRAPPERS, compose};
pub use recipe::{RecipeMismatch, check_same_recipe};
pub use sample::{sample, stride};
pub use set::{GoldenSet, Recorded, SetError, find_sets};
pub use tensor::{TensorError, TensorView};
pub use tensor_file::TensorFile;
pub use verify::{Problems, Verified, verify};
pub use writer::{Existing, SetWriter, WriteError};

#[cfg(test)]
mod testing;
