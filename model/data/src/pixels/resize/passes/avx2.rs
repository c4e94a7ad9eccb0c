//! The two passes on x86-64 with AVX2, with the same integers as the portable passes.

use std::arch::x86_64::*;

use super::super::Rows;
use super::super::weights::{BITS, Weights};
use super::HALF;

/// The portable vertical pass, vectorised by the compiler for AVX2.
#[target_feature(enable = "avx2")]
pub fn vertical(rows: Rows<'_>, weights: &Weights) -> Vec<u8> {
    super::vertical_portable(rows, weights)
}

/// Number of taps per step.
const STEP: usize = 4;
/// Number of lower bits of a weight. The upper part and the lower bits are multiplied as separate 16-bit numbers.
const LOW_BITS: i32 = 11;

/// Four weights as `vpmaddwd` wants them: for each channel the pair of taps 0 and 1, then the pair of 2 and 3.
#[repr(align(32))]
#[derive(Clone, Copy)]
struct Packed {
    high: [i16; 16],
    low: [i16; 16],
}

fn packed(four: [i32; STEP]) -> Packed {
    let spread = |part: [i16; STEP]| std::array::from_fn(|lane| part[lane / 8 * 2 + lane % 2]);
    Packed {
        high: spread(four.map(|weight| (weight >> LOW_BITS) as i16)),
        low: spread(four.map(|weight| (weight & ((1 << LOW_BITS) - 1)) as i16)),
    }
}

/// The horizontal pass: every row gets as many pixels as `weights` has output elements.
#[target_feature(enable = "avx2")]
pub fn horizontal(rows: Rows<'_>, weights: &Weights) -> Vec<u8> {
    let steps = weights.taps.div_ceil(STEP);
    let mut table = Vec::with_capacity(steps * weights.bounds.len());
    for values in weights.values.chunks_exact(weights.taps) {
        table.extend(values.chunks(STEP).map(|chunk| {
            let mut four = [0; STEP];
            four[..chunk.len()].copy_from_slice(chunk);
            packed(four)
        }));
    }
    let width = weights.bounds.len();
    // One byte more than the pixels need: each is stored as four bytes, of which the next pixel overwrites the last.
    let mut out = vec![0; 3 * width * rows.height + 1];
    // Taps of weight 0 may lie beyond the row.
    let mut line = vec![0; 3 * (rows.width + weights.taps + STEP) + 16];
    for y in 0..rows.height {
        line[..3 * rows.width].copy_from_slice(rows.row(y));
        horizontal_row(&line, weights, &table, steps, &mut out[3 * width * y..][..3 * width + 1]);
    }
    out.pop();
    out
}

#[target_feature(enable = "avx2")]
fn horizontal_row(line: &[u8], weights: &Weights, table: &[Packed], steps: usize, out: &mut [u8]) {
    // Of 16 bytes, which begin with four pixels: red, green, blue of the first two in the lower half, of the last two
    // above.
    let pairs = _mm256_setr_epi8(
        0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, //
        6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1,
    );
    for (at, (&(first, count), packed)) in weights.bounds.iter().zip(table.chunks_exact(steps)).enumerate() {
        let (mut high, mut low) = (_mm256_setzero_si256(), _mm256_setzero_si256());
        let start = 3 * first;
        for (step, weights) in packed[..count.div_ceil(STEP)].iter().enumerate() {
            let bytes: &[u8; 16] = line[start + 3 * STEP * step..].first_chunk().expect("the line is padded");
            // SAFETY: 16 bytes are there, and two arrays of 32, aligned.
            let (bytes, upper, lower) = unsafe {
                (
                    _mm_loadu_si128(bytes.as_ptr().cast()),
                    _mm256_load_si256(weights.high.as_ptr().cast()),
                    _mm256_load_si256(weights.low.as_ptr().cast()),
                )
            };
            let pixels = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), pairs);
            high = _mm256_add_epi32(high, _mm256_madd_epi16(pixels, upper));
            low = _mm256_add_epi32(low, _mm256_madd_epi16(pixels, lower));
        }
        let sums = _mm256_add_epi32(_mm256_slli_epi32::<LOW_BITS>(high), low);
        let sums = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
        let words = _mm_srai_epi32::<{ BITS as i32 }>(_mm_add_epi32(sums, _mm_set1_epi32(HALF)));
        let words = _mm_packs_epi32(words, words);
        let pixel = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
        out[3 * at..][..4].copy_from_slice(&pixel.to_le_bytes());
    }
}
