//! Helpers that compare many draws with Python's.

use std::fmt::Debug;

use sha2::{Digest, Sha256};

/// The number of draws that a test compares.
pub(crate) const DRAWS: usize = 10_000;

/// A number with the bytes of NumPy's `tobytes`.
pub(crate) trait LittleEndian: Copy {
    fn extend(self, bytes: &mut Vec<u8>);
}

macro_rules! little_endian {
    ($($number:ty),+) => {$(
        impl LittleEndian for $number {
            fn extend(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        }
    )+};
}

little_endian!(u8, u32, i64, f32, f64);

/// The first 16 bytes of the SHA-256 of all values, as `hashlib.sha256(array.tobytes()).hexdigest()[:32]`.
pub(crate) fn digest<T: LittleEndian>(values: &[T]) -> String {
    let mut bytes = Vec::new();
    values.iter().for_each(|value| value.extend(&mut bytes));
    Sha256::digest(&bytes)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares values with the first of Python's, for a readable difference, and then with the digest of all of Python's.
#[track_caller]
pub(crate) fn check<T: LittleEndian + PartialEq + Debug>(values: &[T], first: &[T], all: &str) {
    assert_eq!(&values[..first.len()], first);
    assert_eq!(digest(values), all, "of {} values", values.len());
}

/// [`DRAWS`] draws.
pub(crate) fn draws<T>(draw: impl FnMut() -> T) -> Vec<T> {
    std::iter::repeat_with(draw).take(DRAWS).collect()
}
