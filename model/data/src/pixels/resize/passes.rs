//! The two passes of a resampling, one axis each: sums of bytes times weights, in 32-bit integers.

#[cfg(target_arch = "x86_64")]
mod avx2;

use super::Rows;
use super::weights::{BITS, Weights};

const HALF: i32 = 1 << (BITS - 1);

/// Converts a sum of bytes times weights, started at one half, to a byte.
#[inline(always)]
fn byte_of(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

/// The horizontal pass: every row gets as many pixels as `weights` has output elements.
pub fn horizontal(rows: Rows<'_>, weights: &Weights) -> Vec<u8> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 is there.
        return unsafe { avx2::horizontal(rows, weights) };
    }
    horizontal_portable(rows, weights)
}

fn horizontal_portable(rows: Rows<'_>, weights: &Weights) -> Vec<u8> {
    let mut out = Vec::with_capacity(3 * weights.bounds.len() * rows.height);
    for y in 0..rows.height {
        let (row, _) = rows.row(y).as_chunks::<3>();
        for (first, values) in weights.iter() {
            let mut sums = [HALF; 3];
            for (pixel, weight) in row[first..].iter().zip(values) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(*value) * weight;
                }
            }
            out.extend(sums.map(byte_of));
        }
    }
    out
}

/// The vertical pass: the image gets as many rows as `weights` has output elements.
pub fn vertical(rows: Rows<'_>, weights: &Weights) -> Vec<u8> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 is there.
        return unsafe { avx2::vertical(rows, weights) };
    }
    vertical_portable(rows, weights)
}

/// Number of columns summed together: the number of accumulators that fit into registers.
const BLOCK: usize = 32;

#[inline(always)]
fn vertical_portable(rows: Rows<'_>, weights: &Weights) -> Vec<u8> {
    let length = 3 * rows.width;
    let mut out = vec![0; length * weights.bounds.len()];
    for (line, (first, values)) in out.chunks_exact_mut(length).zip(weights.iter()) {
        let (blocks, rest) = line.as_chunks_mut::<BLOCK>();
        for (at, block) in blocks.iter_mut().enumerate() {
            column_sums(rows, first, values, at * BLOCK, block);
        }
        let start = length - rest.len();
        for (at, value) in rest.iter_mut().enumerate() {
            column_sums(rows, first, values, start + at, std::array::from_mut(value));
        }
    }
    out
}

/// Weighted sums down `N` columns of bytes from `column` on, over the rows from `first` on.
#[inline(always)]
fn column_sums<const N: usize>(rows: Rows<'_>, first: usize, values: &[i32], column: usize, out: &mut [u8; N]) {
    let mut sums = [HALF; N];
    for (tap, weight) in values.iter().enumerate() {
        let start = rows.offset + (first + tap) * rows.stride + column;
        let bytes: &[u8; N] = rows.bytes[start..].first_chunk().expect("a row is as long as its output");
        for (sum, byte) in sums.iter_mut().zip(bytes) {
            *sum += i32::from(*byte) * weight;
        }
    }
    for (byte, sum) in out.iter_mut().zip(sums) {
        *byte = byte_of(sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On processors with vector instructions, the other tests never run the portable pass.
    #[test]
    fn both_ways_across_give_the_same() {
        for (width, height, to) in [(1, 3, 9), (7, 2, 3), (64, 5, 33), (33, 4, 64), (500, 3, 224), (301, 2, 1)] {
            let bytes: Vec<u8> = (0..3 * width * height).map(|at| (at * at * 31 % 251) as u8).collect();
            let (rows, weights) = (Rows::whole(&bytes, width, height), Weights::new(width, to));
            assert!(horizontal(rows, &weights) == horizontal_portable(rows, &weights), "{width} to {to}");
        }
    }
}
