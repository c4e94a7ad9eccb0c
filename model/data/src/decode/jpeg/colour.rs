//! The conversion of luma and chroma planes to RGB: libjpeg's "fancy" upsampling and its colour conversion, in
//! integers.

use super::libjpeg::{Plane, Planes};

/// `[height, width, 3]`.
pub fn rgb(planes: &Planes, width: usize, height: usize) -> Vec<u8> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 is there.
        return unsafe { rgb_avx2(planes, width, height) };
    }
    rgb_portable(planes, width, height)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn rgb_avx2(planes: &Planes, width: usize, height: usize) -> Vec<u8> {
    rgb_portable(planes, width, height)
}

#[inline(always)]
fn rgb_portable(planes: &Planes, width: usize, height: usize) -> Vec<u8> {
    let mut out = vec![0; 3 * width * height];
    let Some([blue, red]) = &planes.chroma else {
        for (y, line) in out.chunks_exact_mut(3 * width).enumerate() {
            for (pixel, grey) in line.as_chunks_mut::<3>().0.iter_mut().zip(planes.luma.row(y)) {
                *pixel = [*grey; 3];
            }
        }
        return out;
    };
    let mut upsampler = Upsampler::new(planes, width);
    let (mut cb, mut cr) = (vec![0; width + 1], vec![0; width + 1]);
    for (y, line) in out.chunks_exact_mut(3 * width).enumerate() {
        upsampler.row(blue, y, height, &mut cb);
        upsampler.row(red, y, height, &mut cr);
        convert(&planes.luma.row(y)[..width], &cb[..width], &cr[..width], line);
    }
    out
}

/// Upsamples chroma to the size of luma.
struct Upsampler {
    /// Number of luma samples per chroma sample in a row: 1 or 2.
    across: usize,
    /// Number of luma samples per chroma sample in a column.
    down: usize,
    /// Chroma samples in a row.
    width: usize,
    /// A row of sums with one more at each end, so that the ends need no special case.
    sums: Vec<u16>,
}

impl Upsampler {
    fn new(planes: &Planes, width: usize) -> Self {
        let width = width.div_ceil(planes.across);
        Self { across: planes.across, down: planes.down, width, sums: vec![0; width + 2] }
    }

    /// Row `y` of `height` of a plane, into `out`, which has room for one sample more than are needed.
    #[inline(always)]
    fn row(&mut self, plane: &Plane, y: usize, height: usize, out: &mut [u8]) {
        if self.across == 1 {
            out[..self.width].copy_from_slice(&plane.row(y)[..self.width]);
            return;
        }
        let inner = &mut self.sums[1..=self.width];
        let near = &plane.row(y / self.down)[..self.width];
        if self.down == 1 {
            for (sum, sample) in inner.iter_mut().zip(near) {
                *sum = u16::from(*sample);
            }
        } else {
            // An even row takes a quarter from the row above, an odd row from the row below. Beyond the picture its
            // last row is repeated.
            let last = height.div_ceil(2) - 1;
            let other = if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { (y / 2 + 1).min(last) };
            for ((sum, near), far) in inner.iter_mut().zip(near).zip(plane.row(other)) {
                *sum = 3 * u16::from(*near) + u16::from(*far);
            }
        }
        self.sums[0] = self.sums[1];
        self.sums[self.width + 1] = self.sums[self.width];
        if self.down == 1 { spread::<2>(&self.sums, out, 1) } else { spread::<4>(&self.sums, out, 8) }
    }
}

/// Two samples from each sum: three quarters of it and a quarter of its neighbour to the left, or to the right. Halves
/// are rounded one way on the left and the other on the right, by `bias` and its partner, so that no tint remains.
#[inline(always)]
fn spread<const BITS: u32>(sums: &[u16], out: &mut [u8], bias: u16) {
    let partner = if BITS == 2 { 2 } else { 7 };
    // The spare sample, if it is left over, is not part of the row.
    let (pairs, _) = out.as_chunks_mut::<2>();
    let count = pairs.len();
    let (left, middle, right) = (&sums[..count], &sums[1..][..count], &sums[2..][..count]);
    for (at, pair) in pairs.iter_mut().enumerate() {
        let sum = 3 * middle[at];
        *pair = [((sum + left[at] + bias) >> BITS) as u8, ((sum + right[at] + partner) >> BITS) as u8];
    }
}

/// 1.402, 1.772, 0.71414 and 0.34414 in 1/65536.
const RED_OF_CR: i32 = 91881;
const BLUE_OF_CB: i32 = 116130;
const GREEN_OF_CR: i32 = 46802;
const GREEN_OF_CB: i32 = 22554;

/// Number of pixels in a block.
const LANES: usize = 32;

/// Converts one row of YCbCr to RGB.
#[inline(always)]
fn convert(luma: &[u8], cb: &[u8], cr: &[u8], out: &mut [u8]) {
    let whole = luma.len() / LANES * LANES;
    let (blocks, rest) = out.split_at_mut(3 * whole);
    for (at, block) in blocks.as_chunks_mut::<{ 3 * LANES }>().0.iter_mut().enumerate() {
        let lanes = |plane: &[u8]| -> [u8; LANES] { *plane[at * LANES..].first_chunk().expect("a whole block") };
        convert_block(&lanes(luma), &lanes(cb), &lanes(cr), block);
    }
    let count = luma.len() - whole;
    if count > 0 {
        let lanes =
            |plane: &[u8]| -> [u8; LANES] { std::array::from_fn(|lane| *plane.get(whole + lane).unwrap_or(&0)) };
        let mut block = [0; 3 * LANES];
        convert_block(&lanes(luma), &lanes(cb), &lanes(cr), &mut block);
        rest.copy_from_slice(&block[..3 * count]);
    }
}

#[inline(always)]
fn convert_block(luma: &[u8; LANES], cb: &[u8; LANES], cr: &[u8; LANES], out: &mut [u8; 3 * LANES]) {
    const HALF: i32 = 1 << 15;
    let mut channels = [[0_u8; LANES]; 3];
    for lane in 0..LANES {
        let (y, b, r) = (i32::from(luma[lane]), i32::from(cb[lane]) - 128, i32::from(cr[lane]) - 128);
        channels[0][lane] = (y + ((RED_OF_CR * r + HALF) >> 16)).clamp(0, 255) as u8;
        channels[1][lane] = (y + ((HALF - GREEN_OF_CB * b - GREEN_OF_CR * r) >> 16)).clamp(0, 255) as u8;
        channels[2][lane] = (y + ((BLUE_OF_CB * b + HALF) >> 16)).clamp(0, 255) as u8;
    }
    for lane in 0..LANES {
        for channel in 0..3 {
            out[3 * lane + channel] = channels[channel][lane];
        }
    }
}
