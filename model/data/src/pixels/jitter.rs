//! Colour jitter, greyscale and solarisation, in place.

mod hue;
mod lanes;

use crate::image::Image;

pub use hue::adjust_hue;
use lanes::{Channels, LANES, in_blocks};

/// The luma of a pixel, with the rounding of Pillow's conversion from RGB to L: weights in 1/65536.
#[inline(always)]
fn luma(red: u8, green: u8, blue: u8) -> u8 {
    ((u32::from(red) * 19595 + u32::from(green) * 38470 + u32::from(blue) * 7471 + 0x8000) >> 16) as u8
}

/// Mixes `from` and `to` in float32 as `Image.blend` does: truncated towards zero and clipped to 0 ..= 255.
#[inline(always)]
#[expect(clippy::manual_clamp, reason = "`clamp` would keep what is not a number")]
fn blended(from: u8, to: u8, alpha: f32) -> u8 {
    // Pillow does not clip if alpha is within 0 ..= 1, where clipping changes nothing.
    let value = f32::from(from) + alpha * f32::from(i16::from(to) - i16::from(from));
    // SAFETY: within 0 ..= 255, also if alpha is no number: `max` then takes the 0.
    unsafe { value.max(0.0).min(255.0).to_int_unchecked::<i32>() as u8 }
}

fn by_table(image: &mut Image, table: &[u8; 256]) {
    for value in image.pixels_mut() {
        *value = table[usize::from(*value)];
    }
}

/// Blends `image` with black: factor 0 gives black, factor 1 leaves the image unchanged.
/// `v2.functional.adjust_brightness` (`ImageEnhance.Brightness`).
pub fn adjust_brightness(image: &mut Image, factor: f64) {
    let table = std::array::from_fn(|value| blended(0, value as u8, factor as f32));
    by_table(image, &table);
}

/// Blends `image` with its mean grey: factor 0 gives grey, factor 1 leaves the image unchanged.
/// `v2.functional.adjust_contrast` (`ImageEnhance.Contrast`).
pub fn adjust_contrast(image: &mut Image, factor: f64) {
    let mean = mean_luma(image);
    let table = std::array::from_fn(|value| blended(mean, value as u8, factor as f32));
    by_table(image, &table);
}

/// The mean of the greyscale image, rounded half up.
fn mean_luma(image: &Image) -> u8 {
    let sum: u64 = image.pixels().chunks_exact(3).map(|pixel| u64::from(luma(pixel[0], pixel[1], pixel[2]))).sum();
    (sum as f64 / (image.width() * image.height()) as f64 + 0.5) as u8
}

/// Blends `image` with its greyscale image: factor 0 gives greyscale, factor 1 leaves the image unchanged.
/// `v2.functional.adjust_saturation` (`ImageEnhance.Color`).
pub fn adjust_saturation(image: &mut Image, factor: f64) {
    let alpha = factor as f32;
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 is there.
        unsafe { saturate_avx2(image.pixels_mut(), alpha) };
        return;
    }
    in_blocks(image.pixels_mut(), lanes::split, lanes::join, |channels| saturate_block(channels, alpha));
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn saturate_avx2(pixels: &mut [u8], alpha: f32) {
    let (split, join) = (|pixels: &_| lanes::split_ssse3(pixels), |channels: &_| lanes::join_ssse3(channels));
    in_blocks(pixels, split, join, |channels| saturate_block(channels, alpha));
}

#[inline(always)]
fn saturate_block(channels: &mut Channels, alpha: f32) {
    let mut grey = [0; LANES];
    for (lane, grey) in grey.iter_mut().enumerate() {
        *grey = luma(channels[0][lane], channels[1][lane], channels[2][lane]);
    }
    for channel in channels {
        for (value, grey) in channel.iter_mut().zip(grey) {
            *value = blended(grey, *value, alpha);
        }
    }
}

/// Writes each pixel's luma into all three channels. `v2.RandomGrayscale`.
pub fn greyscale(image: &mut Image) {
    for pixel in image.pixels_mut().chunks_exact_mut(3) {
        pixel.fill(luma(pixel[0], pixel[1], pixel[2]));
    }
}

/// Inverts values of at least `threshold`. `v2.RandomSolarize` (`ImageOps.solarize`).
pub fn solarise(image: &mut Image, threshold: u8) {
    for value in image.pixels_mut() {
        *value = if *value < threshold { *value } else { 255 - *value };
    }
}
