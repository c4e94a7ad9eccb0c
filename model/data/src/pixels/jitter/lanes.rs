//! The split of pixels into channels, a register at a time, and the join back into pixels.

/// Pixels at a time.
pub const LANES: usize = 16;

/// Red, green and blue of some pixels.
pub type Channels = [[u8; LANES]; 3];
type Pixels = [u8; 3 * LANES];

/// Calls `work` with the channels of all `pixels`, a block at a time. The last block may hold padding.
///
/// `split` and `join` are [`split`] and [`join`], or a faster pair.
#[inline(always)]
pub fn in_blocks(
    pixels: &mut [u8],
    split: impl Fn(&Pixels) -> Channels,
    join: impl Fn(&Channels) -> Pixels,
    work: impl Fn(&mut Channels),
) {
    let block = |pixels: &mut Pixels| {
        let mut channels = split(pixels);
        work(&mut channels);
        *pixels = join(&channels);
    };
    let (blocks, rest) = pixels.as_chunks_mut();
    blocks.iter_mut().for_each(block);
    let mut padded = [0; 3 * LANES];
    padded[..rest.len()].copy_from_slice(rest);
    block(&mut padded);
    rest.copy_from_slice(&padded[..rest.len()]);
}

/// The channels of a block.
#[inline(always)]
pub fn split(pixels: &Pixels) -> Channels {
    let mut channels = [[0; LANES]; 3];
    for (lane, pixel) in pixels.as_chunks::<3>().0.iter().enumerate() {
        for (channel, value) in channels.iter_mut().zip(pixel) {
            channel[lane] = *value;
        }
    }
    channels
}

/// The pixels of a block.
#[inline(always)]
pub fn join(channels: &Channels) -> Pixels {
    let mut pixels = [0; 3 * LANES];
    for (lane, pixel) in pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        for (value, channel) in pixel.iter_mut().zip(channels) {
            *value = channel[lane];
        }
    }
    pixels
}

/// The source of each byte of a shuffle: `[c][p]` for channel `c` from the p-th sixteen bytes of a block, and the
/// reverse. 0x80 gives a zero.
#[cfg(target_arch = "x86_64")]
const fn shuffles(joining: bool) -> [[[u8; LANES]; 3]; 3] {
    let mut table = [[[0x80; LANES]; 3]; 3];
    let mut at = 0;
    while at < 3 * LANES {
        let (channel, lane, part, byte) = (at % 3, at / 3, at / LANES, at % LANES);
        if joining {
            table[part][channel][byte] = lane as u8;
        } else {
            table[channel][part][lane] = byte as u8;
        }
        at += 1;
    }
    table
}

/// Three registers of sixteen bytes, each shuffled into each of three others.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "ssse3")]
#[inline]
fn shuffled(parts: &Channels, table: &'static [[[u8; LANES]; 3]; 3]) -> Channels {
    use std::arch::x86_64::*;
    // SAFETY: of 16 bytes each, any of which are valid.
    let load = |bytes: &[u8; LANES]| unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
    let mut out = [[0; LANES]; 3];
    for (bytes, masks) in out.iter_mut().zip(table) {
        let from = |part: usize| _mm_shuffle_epi8(load(&parts[part]), load(&masks[part]));
        let all = _mm_or_si128(_mm_or_si128(from(0), from(1)), from(2));
        // SAFETY: as above.
        unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), all) };
    }
    out
}

/// [`split`] by shuffles.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "ssse3")]
#[inline]
pub fn split_ssse3(pixels: &Pixels) -> Channels {
    const TABLE: [[[u8; LANES]; 3]; 3] = shuffles(false);
    let (parts, _) = pixels.as_chunks::<LANES>();
    shuffled(&[parts[0], parts[1], parts[2]], &TABLE)
}

/// [`join`] by shuffles.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "ssse3")]
#[inline]
pub fn join_ssse3(channels: &Channels) -> Pixels {
    const TABLE: [[[u8; LANES]; 3]; 3] = shuffles(true);
    let mut pixels = [0; 3 * LANES];
    pixels.copy_from_slice(shuffled(channels, &TABLE).as_flattened());
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffles_do_what_loops_do() {
        let pixels: Pixels = std::array::from_fn(|at| at as u8);
        let channels = split(&pixels);
        assert_eq!([channels[0][1], channels[1][1], channels[2][15]], [3, 4, 47]);
        assert_eq!(join(&channels), pixels);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("ssse3") {
            // SAFETY: SSSE3 is there.
            let (apart, together) = unsafe { (split_ssse3(&pixels), join_ssse3(&channels)) };
            assert_eq!((apart, together), (channels, pixels));
        }
    }
}
