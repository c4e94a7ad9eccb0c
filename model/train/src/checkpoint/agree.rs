//! What ranks tell each other of a checkpoint: either all of them go on, or none.

use dinov3_ranks::Group;
use tch::{Kind, Tensor};

use super::CheckpointError;

/// The first byte of what a rank tells.
const FAILED: u8 = 0;
const DONE: u8 = 1;

/// What each rank tells the others, if all are well. Every rank calls it.
///
/// # Errors
/// This rank's own error, else that of the first rank that has one.
pub(super) fn agreed(group: &dyn Group, own: Result<String, CheckpointError>) -> Result<Vec<String>, CheckpointError> {
    let (sign, text) = match &own {
        Ok(text) => (DONE, text.clone()),
        Err(error) => (FAILED, error.to_string()),
    };
    let told: Vec<u8> = std::iter::once(sign).chain(text.into_bytes()).collect();
    let all = group.all_gather(&Tensor::from_slice(&told));
    own?;
    let mut texts = Vec::with_capacity(group.size());
    for (rank, told) in all?.iter().enumerate() {
        let told = Vec::<u8>::try_from(told.to_kind(Kind::Uint8)).unwrap_or_default();
        let text = String::from_utf8_lossy(told.get(1..).unwrap_or_default()).into_owned();
        match told.first() {
            Some(&DONE) => texts.push(text),
            _ => return Err(CheckpointError::OtherRank { rank, reason: text }),
        }
    }
    Ok(texts)
}
