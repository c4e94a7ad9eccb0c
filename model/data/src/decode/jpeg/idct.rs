//! The inverse cosine transform of a block of 8x8.
//!
//! libjpeg's accurate integer method (Loeffler, Ligtenberg and Moschytz; 13 fractional bits), with the 16-bit
//! intermediates of libjpeg-turbo's vector code, as in Pillow. The intermediates make a difference only if damaged
//! coefficients overflow.

use std::ops::{Add, Sub};

/// Coefficients of a block, or their divisors, in rows.
pub type Block = [i16; 64];

/// Eight values with the same operation, such as a row.
#[derive(Clone, Copy)]
struct Eight([i32; 8]);

impl Eight {
    /// Applies a function to each lane. A loop, since the compiler does not vectorise `array::map`.
    #[inline(always)]
    fn of(value: impl Fn(usize) -> i32) -> Self {
        let mut lanes = [0; 8];
        for (lane, slot) in lanes.iter_mut().enumerate() {
            *slot = value(lane);
        }
        Self(lanes)
    }

    #[inline(always)]
    fn times(self, factor: i32) -> Self {
        Self::of(|lane| self.0[lane].wrapping_mul(factor))
    }

    /// Wraps each lane to 16 bits.
    #[inline(always)]
    fn wrapped(self) -> Self {
        Self::of(|lane| i32::from(self.0[lane] as i16))
    }

    /// Divides by 2^bits, rounds halves upwards, and saturates to 16 bits.
    #[inline(always)]
    fn descaled(self, bits: u32) -> Self {
        Self::of(|lane| (self.0[lane].wrapping_add(1 << (bits - 1)) >> bits).clamp(i16::MIN.into(), i16::MAX.into()))
    }
}

impl Add for Eight {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self::of(|lane| self.0[lane].wrapping_add(other.0[lane]))
    }
}

impl Sub for Eight {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self::of(|lane| self.0[lane].wrapping_sub(other.0[lane]))
    }
}

const FRACTION: u32 = 13;
/// Number of fractional bits after the first pass.
const KEPT: u32 = 2;

/// Cosines and their sums in 1/8192.
const F_0_298: i32 = 2446;
const F_0_390: i32 = 3196;
const F_0_541: i32 = 4433;
const F_0_765: i32 = 6270;
const F_0_899: i32 = 7373;
const F_1_175: i32 = 9633;
const F_1_501: i32 = 12299;
const F_1_847: i32 = 15137;
const F_1_961: i32 = 16069;
const F_2_053: i32 = 16819;
const F_2_562: i32 = 20995;
const F_3_072: i32 = 25172;

/// The transform of eight columns at once: `rows[k]` holds their k-th coefficients, then their k-th values.
#[inline(always)]
fn columns(rows: [Eight; 8], bits: u32) -> [Eight; 8] {
    let [c0, c1, c2, c3, c4, c5, c6, c7] = rows;
    // The even half.
    let low = c2.times(F_0_541) + c6.times(F_0_541 - F_1_847);
    let high = c2.times(F_0_541 + F_0_765) + c6.times(F_0_541);
    let sum = (c0 + c4).wrapped().times(1 << FRACTION);
    let difference = (c0 - c4).wrapped().times(1 << FRACTION);
    let even = [sum + high, difference + low, difference - low, sum - high];
    // The odd half.
    let (z3, z4) = ((c7 + c3).wrapped(), (c5 + c1).wrapped());
    let y3 = z3.times(F_1_175 - F_1_961) + z4.times(F_1_175);
    let y4 = z3.times(F_1_175) + z4.times(F_1_175 - F_0_390);
    let odd = [
        c1.times(F_1_501 - F_0_899) + c7.times(-F_0_899) + y4,
        c3.times(F_3_072 - F_2_562) + c5.times(-F_2_562) + y3,
        c5.times(F_2_053 - F_2_562) + c3.times(-F_2_562) + y4,
        c7.times(F_0_298 - F_0_899) + c1.times(-F_0_899) + y3,
    ];
    let mut out = [Eight([0; 8]); 8];
    for row in 0..4 {
        out[row] = (even[row] + odd[row]).descaled(bits);
        out[7 - row] = (even[row] - odd[row]).descaled(bits);
    }
    out
}

#[inline(always)]
fn transposed_portable(rows: [Eight; 8]) -> [Eight; 8] {
    let mut out = [Eight([0; 8]); 8];
    for (column, line) in out.iter_mut().enumerate() {
        *line = Eight::of(|row| rows[row].0[column]);
    }
    out
}

/// The 8x8 bytes of a block from its coefficients and the quantisation table, written into `out` at every `stride`
/// bytes.
#[inline(always)]
fn inverse(
    coefficients: &Block,
    divisors: &Block,
    out: &mut [u8],
    stride: usize,
    transposed: impl Fn([Eight; 8]) -> [Eight; 8],
) {
    let product = |at: usize| coefficients[at].wrapping_mul(divisors[at]);
    let mut any = 0;
    for coefficient in &coefficients[8..] {
        any |= coefficient;
    }
    let mut rows = [Eight([0; 8]); 8];
    if any == 0 {
        // All columns are constant.
        rows = [Eight::of(|column| i32::from(product(column) << KEPT)); 8];
    } else {
        for (row, line) in rows.iter_mut().enumerate() {
            *line = Eight::of(|column| i32::from(product(8 * row + column)));
        }
        rows = columns(rows, FRACTION - KEPT);
    }
    // Bytes are centred on 128; the factor 8 is the transform's own.
    let rows = transposed(columns(transposed(rows), FRACTION + KEPT + 3));
    for (row, values) in rows.iter().enumerate() {
        let line: &mut [u8; 8] = out[row * stride..].first_chunk_mut().expect("a row of the block");
        for (byte, value) in line.iter_mut().zip(values.0) {
            *byte = (value.clamp(-128, 127) + 128) as u8;
        }
    }
}

/// A row of blocks, side by side into the first eight rows of `out`.
pub fn row(blocks: &[Block], divisors: &Block, out: &mut [u8], stride: usize) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 is there.
        unsafe { row_avx2(blocks, divisors, out, stride) };
        return;
    }
    row_by(blocks, divisors, out, stride, transposed_portable);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn row_avx2(blocks: &[Block], divisors: &Block, out: &mut [u8], stride: usize) {
    row_by(blocks, divisors, out, stride, |rows| transposed_avx2(rows));
}

/// Exchanges pairs, then fours, then halves: the compiler does not find this sequence by itself.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn transposed_avx2(rows: [Eight; 8]) -> [Eight; 8] {
    use std::arch::x86_64::*;
    // SAFETY: both are 256 bits, any of which are valid.
    let [a, b, c, d, e, f, g, h]: [__m256i; 8] = unsafe { std::mem::transmute(rows) };
    let pairs = |upper, lower| (_mm256_unpacklo_epi32(upper, lower), _mm256_unpackhi_epi32(upper, lower));
    let fours = |upper, lower| (_mm256_unpacklo_epi64(upper, lower), _mm256_unpackhi_epi64(upper, lower));
    let halves =
        |left, right| (_mm256_permute2x128_si256::<0x20>(left, right), _mm256_permute2x128_si256::<0x31>(left, right));
    let ((ab0, ab2), (cd0, cd2), (ef0, ef2), (gh0, gh2)) = (pairs(a, b), pairs(c, d), pairs(e, f), pairs(g, h));
    let ((up0, up1), (up2, up3)) = (fours(ab0, cd0), fours(ab2, cd2));
    let ((low0, low1), (low2, low3)) = (fours(ef0, gh0), fours(ef2, gh2));
    let ((r0, r4), (r1, r5)) = (halves(up0, low0), halves(up1, low1));
    let ((r2, r6), (r3, r7)) = (halves(up2, low2), halves(up3, low3));
    // SAFETY: as above.
    unsafe { std::mem::transmute([r0, r1, r2, r3, r4, r5, r6, r7]) }
}

#[inline(always)]
fn row_by(
    blocks: &[Block],
    divisors: &Block,
    out: &mut [u8],
    stride: usize,
    transposed: impl Fn([Eight; 8]) -> [Eight; 8],
) {
    for (at, block) in blocks.iter().enumerate() {
        inverse(block, divisors, &mut out[8 * at..], stride, &transposed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On processors with vector instructions, the other tests never run the portable transform.
    #[test]
    fn both_transforms_give_the_same() {
        let mut state = 1_u32;
        let mut next = |bound: i32| {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            ((state >> 8) as i32 % (2 * bound + 1) - bound) as i16
        };
        for bound in [0, 3, 100, 2000, 32767] {
            let blocks = [(); 7].map(|()| [(); 64].map(|()| next(bound)));
            let divisors = [(); 64].map(|()| next(60).abs());
            let (mut here, mut portable) = ([0; 8 * 56], [0; 8 * 56]);
            row(&blocks, &divisors, &mut here, 56);
            row_by(&blocks, &divisors, &mut portable, 56, transposed_portable);
            assert_eq!(here, portable, "coefficients up to {bound}");
        }
    }

    #[test]
    fn a_lone_first_coefficient_is_flat() {
        let mut block = [0; 64];
        block[0] = 17;
        let mut out = [0; 64];
        row(&[block], &[8; 64], &mut out, 8);
        assert_eq!(out, [128 + 17; 64]);
    }
}
