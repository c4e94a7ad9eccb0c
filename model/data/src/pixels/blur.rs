//! Gaussian blur.

mod kernel;

use crate::image::Image;
use kernel::{RADIUS, TAPS};

pub use kernel::TorchVectors;

/// The shortest side of an image that can be blurred: the kernel reaches 4 reflected pixels beyond the border.
pub const SHORTEST_SIDE: usize = RADIUS + 1;

/// Blurs `image` with a Gaussian of 9x9 taps, as torch does with AVX2. Golden sets are recorded with AVX2. See
/// [`blur_as`].
///
/// # Panics
/// As [`blur_as`].
pub fn blur(image: &mut Image, sigma: f64) {
    blur_as(image, sigma, TorchVectors::Avx2);
}

/// Blurs `image` with a Gaussian of 9x9 taps: `v2.GaussianBlur(kernel_size=9)` on a PIL image. The border is reflected;
/// sums are float32, rounded half to even.
///
/// torch sums 81 products per value in one order. This function sums along the axes, many times faster. If a sum is so
/// close to a half that the order of additions decides the rounding, the function sums again in torch's order. The
/// bytes therefore equal torch's.
///
/// # Panics
/// If a side of `image` is shorter than [`SHORTEST_SIDE`], or `sigma` is not above 0. torchvision refuses both.
pub fn blur_as(image: &mut Image, sigma: f64, vectors: TorchVectors) {
    let (width, height) = (image.width(), image.height());
    assert!(width.min(height) >= SHORTEST_SIDE, "an image of {width}x{height} is too small for a kernel of 9x9");
    assert!(sigma as f32 > 0.0, "a blur of sigma {sigma}");
    let source = Source { bytes: image.pixels().to_vec(), width, height, kernel: kernel::line(sigma, vectors) };
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: AVX2 and FMA are there.
        unsafe { blurred_avx2(&source, image.pixels_mut()) };
        return;
    }
    blurred(&source, image.pixels_mut());
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn blurred_avx2(source: &Source, out: &mut [u8]) {
    blurred(source, out);
}

/// The unblurred image.
struct Source {
    /// `[height, width, 3]`.
    bytes: Vec<u8>,
    width: usize,
    height: usize,
    /// The kernel along one axis.
    kernel: [f32; TAPS],
}

/// Reflects a position up to [`RADIUS`] before 0 or after the last of `side` positions. The first and the last position
/// are not repeated.
#[inline(always)]
fn reflected(position: isize, side: usize) -> usize {
    let last = side as isize - 1;
    (last - (last - position.abs()).abs()) as usize
}

/// Number of values in a block.
const BLOCK: usize = 32;

#[inline(always)]
fn blurred(source: &Source, out: &mut [u8]) {
    let length = 3 * source.width;
    // Horizontally blurred rows, row y in slot y modulo TAPS. TAPS rows are enough at any time.
    let mut across = vec![0.0_f32; TAPS * length];
    let mut padded = vec![0.0_f32; length + 6 * RADIUS];
    let mut done = 0;
    for (y, line) in out.chunks_exact_mut(length).enumerate() {
        while done < source.height.min(y + RADIUS + 1) {
            row_across(source, done, &mut padded, &mut across[done % TAPS * length..][..length]);
            done += 1;
        }
        let rows: [&[f32]; TAPS] = std::array::from_fn(|tap| {
            let row = reflected((y + tap) as isize - RADIUS as isize, source.height);
            &across[row % TAPS * length..][..length]
        });
        let mut start = 0;
        for block in line.chunks_mut(BLOCK) {
            let values = if let Ok(block) = <&mut [u8; BLOCK]>::try_from(&mut *block) {
                column_block(source, &rows, start, block)
            } else {
                true
            };
            if values {
                careful_block(source, &rows, y, start, block);
            }
            start += block.len();
        }
    }
}

/// Blurs row `y` horizontally.
#[inline(always)]
fn row_across(source: &Source, y: usize, padded: &mut [f32], out: &mut [f32]) {
    let row = &source.bytes[3 * source.width * y..][..3 * source.width];
    for (value, byte) in padded[3 * RADIUS..].iter_mut().zip(row) {
        *value = f32::from(*byte);
    }
    for beyond in 0..RADIUS {
        let (left, right) = (3 * (2 * RADIUS - beyond), 3 * (source.width + RADIUS - 2 - beyond));
        padded.copy_within(left..left + 3, 3 * beyond);
        padded.copy_within(right..right + 3, 3 * (source.width + RADIUS + beyond));
    }
    let taps: [&[f32]; TAPS] = std::array::from_fn(|tap| &padded[3 * tap..][..row.len()]);
    for (at, value) in out.iter_mut().enumerate() {
        *value = weighted(&source.kernel, |tap| taps[tap][at]);
    }
}

/// The kernel is the same to either side of its middle.
#[inline(always)]
fn weighted(kernel: &[f32; TAPS], value: impl Fn(usize) -> f32) -> f32 {
    let mut sum = kernel[RADIUS] * value(RADIUS);
    for (tap, weight) in kernel[..RADIUS].iter().enumerate() {
        sum += weight * (value(tap) + value(TAPS - 1 - tap));
    }
    sum
}

/// The largest distance from a half at which a sum is in doubt. A sum further from a half rounds like torch's, because
/// the two orders of summation differ by less. torch's 81 additions have an error of at most 2^-17 each, 0.00062 in
/// total; our additions have less than a third of it.
const DOUBT: f32 = 1e-3;

/// Blurs one block vertically; returns whether any of its values is in doubt.
#[inline(always)]
fn column_block(source: &Source, rows: &[&[f32]; TAPS], start: usize, block: &mut [u8; BLOCK]) -> bool {
    let rows: [&[f32; BLOCK]; TAPS] =
        std::array::from_fn(|tap| rows[tap][start..].first_chunk().expect("a row is as long as its output"));
    let mut furthest = [0.0_f32; BLOCK];
    for (at, byte) in block.iter_mut().enumerate() {
        let sum = weighted(&source.kernel, |tap| rows[tap][at]);
        let rounded = sum.round_ties_even();
        furthest[at] = (sum - rounded).abs();
        // SAFETY: weights are positive and sum to 1 but for rounding, so this is 0 to 255.
        *byte = unsafe { rounded.to_int_unchecked::<i32>() } as u8;
    }
    furthest.iter().any(|distance| *distance > 0.5 - DOUBT)
}

/// Blurs one block vertically and sums its values in doubt in torch's order.
#[inline(always)]
fn careful_block(source: &Source, rows: &[&[f32]; TAPS], y: usize, start: usize, block: &mut [u8]) {
    for (at, byte) in block.iter_mut().enumerate() {
        let sum = weighted(&source.kernel, |tap| rows[tap][start + at]);
        let certain = (sum - sum.round_ties_even()).abs() <= 0.5 - DOUBT;
        let sum = if certain { sum } else { in_order(source, y, start + at) };
        *byte = sum.round_ties_even() as u8;
    }
}

/// The value at byte `at` of row `y`, by fused multiply-adds of all taps, row by row: oneDNN's order.
#[inline(always)]
fn in_order(source: &Source, y: usize, at: usize) -> f32 {
    let (x, channel) = (at / 3, at % 3);
    let mut sum = 0.0_f32;
    for (i, down) in source.kernel.iter().enumerate() {
        let row = reflected((y + i) as isize - RADIUS as isize, source.height) * source.width;
        for (j, along) in source.kernel.iter().enumerate() {
            let column = reflected((x + j) as isize - RADIUS as isize, source.width);
            sum = (down * along).mul_add(f32::from(source.bytes[3 * (row + column) + channel]), sum);
        }
    }
    sum
}
