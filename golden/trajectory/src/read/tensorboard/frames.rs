//! Records of TFRecord: length (u64), its checksum (u32), the data, their checksum (u32), all little-endian.

use dinov3_ground::scalars::masked_crc;

/// The bytes in front of the data, and behind.
const FRONT: usize = 12;
const BEHIND: usize = 4;

/// A record.
pub(super) struct Frame<'a> {
    pub(super) data: &'a [u8],
    /// The bytes of the whole record.
    pub(super) length: usize,
}

/// Whether a file begins with a record.
pub(in crate::read) fn is_record(bytes: &[u8]) -> bool {
    length(bytes).is_some_and(|length| length.is_ok())
}

/// The length of the data of the first record; `None` where its front is cut.
fn length(bytes: &[u8]) -> Option<Result<u64, &'static str>> {
    let front = bytes.get(..FRONT)?;
    let (length, checksum) = front.split_at(8);
    let right = masked_crc(length).to_le_bytes() == *checksum;
    let length = u64::from_le_bytes(length.try_into().expect("eight bytes"));
    Some(if right { Ok(length) } else { Err("the checksum of its length is wrong") })
}

/// The first record; `None` where the file ends in the middle of it.
pub(super) fn next(bytes: &[u8]) -> Result<Option<Frame<'_>>, &'static str> {
    let Some(length) = length(bytes).transpose()? else { return Ok(None) };
    let Ok(length) = usize::try_from(length) else { return Ok(None) };
    let Some(whole) = length.checked_add(FRONT + BEHIND).filter(|whole| *whole <= bytes.len()) else { return Ok(None) };
    let (data, checksum) = bytes[FRONT..whole].split_at(length);
    if masked_crc(data).to_le_bytes() != *checksum {
        return Err("the checksum of its data is wrong");
    }
    Ok(Some(Frame { data, length: whole }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_tensorboard_writes() {
        // The first record of every event file: a version, 24 bytes with the wall time of the writer.
        let length = 24_u64.to_le_bytes();
        assert_eq!(masked_crc(&length), u32::from_le_bytes([0xa3, 0x7f, 0x4b, 0x22]));
    }

    #[test]
    fn a_flipped_bit_is_found_and_a_cut_record_is_none() {
        let mut bytes = 3_u64.to_le_bytes().to_vec();
        bytes.extend(masked_crc(&bytes).to_le_bytes());
        bytes.extend(b"abc");
        bytes.extend(masked_crc(b"abc").to_le_bytes());
        assert_eq!(next(&bytes).unwrap().unwrap().data, b"abc");
        for cut in 0..bytes.len() {
            assert!(next(&bytes[..cut]).unwrap().is_none(), "{cut}");
        }
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(next(&flipped).is_err(), "bit {bit}");
        }
    }
}
