//! Messages between ranks: any serialisable value, as bytes in a tensor on the host.

use std::path::PathBuf;

use dinov3_ranks::{Group, ProcessGroup};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::SuiteError;
use crate::reduce_op::RanksError;

/// A word of rank 0 to the other ranks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    /// The suite of this name begins. Every rank has a part in it.
    Suite(String),
    /// The replay of a golden set begins.
    Replay {
        /// Whether all steps are taken in a row, and not the first alone.
        free_run: bool,
    },
    /// A training begins, whose files go to this folder.
    Train {
        /// The folder.
        folder: PathBuf,
    },
    /// The run is over, with this exit code.
    End(i32),
}

/// Sends `value` to all ranks of `group`, as rank 0.
///
/// # Errors
/// When a rank is gone or late.
pub fn say<T: Serialize>(group: &ProcessGroup, value: &T) -> Result<(), SuiteError> {
    let bytes = encoded(value)?;
    group.broadcast(&mut Tensor::from_slice(&[bytes.len() as i64]), 0)?;
    Ok(group.broadcast(&mut Tensor::from_slice(&bytes), 0)?)
}

/// The value that rank 0 sent by [`say`].
///
/// # Errors
/// When a rank is gone or late, or sent a value of another type.
pub fn hear<T: DeserializeOwned>(group: &ProcessGroup) -> Result<T, SuiteError> {
    let mut length = Tensor::from_slice(&[0i64]);
    group.broadcast(&mut length, 0)?;
    let length = usize::try_from(length.int64_value(&[0])).unwrap_or_default();
    let mut bytes = Tensor::from_slice(&vec![0u8; length]);
    group.broadcast(&mut bytes, 0)?;
    decoded(&bytes)
}

/// The `own` value of every rank of `group`, in the order of the ranks.
///
/// # Errors
/// When a rank is gone or late, or sent a value of another type.
pub fn gather<T: Serialize + DeserializeOwned>(group: &dyn Group, own: &T) -> Result<Vec<T>, SuiteError> {
    group.all_gather(&Tensor::from_slice(&encoded(own)?))?.iter().map(decoded).collect()
}

fn encoded<T: Serialize>(value: &T) -> Result<Vec<u8>, SuiteError> {
    postcard::to_allocvec(value).map_err(|error| RanksError::Message(error).into())
}

fn decoded<T: DeserializeOwned>(bytes: &Tensor) -> Result<T, SuiteError> {
    let bytes = Vec::<u8>::try_from(bytes).unwrap_or_default();
    postcard::from_bytes(&bytes).map_err(|error| RanksError::Message(error).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four bits of a NaN, an infinity and a large number go through; `f64` has no text that holds all of them.
    #[test]
    fn values_come_back_to_the_bit() {
        let values = vec![(f64::from_bits(0x7ff8_0000_0000_0001), u64::MAX), (f64::NEG_INFINITY, 0), (-0.0, 1)];
        let back: Vec<(f64, u64)> = decoded(&Tensor::from_slice(&encoded(&values).unwrap())).unwrap();
        let bits = |values: &[(f64, u64)]| values.iter().map(|(a, b)| (a.to_bits(), *b)).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(&values));
    }

    #[test]
    fn a_message_of_another_type_is_refused() {
        let bytes = Tensor::from_slice(&encoded(&Word::End(3)).unwrap()[..1]);
        let error = decoded::<Word>(&bytes).unwrap_err().to_string();
        assert!(error.starts_with("unexpected message from a rank: "), "{error}");
    }
}
