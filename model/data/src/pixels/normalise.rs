//! The conversion of an image's bytes to the model's input.

use crate::image::Image;

/// Writes `image` as float32 `[3, H, W]` into `out`, scaled to 0 ..= 1 and then normalised for each channel.
///
/// `v2.ToImage`, `v2.ToDtype(torch.float32, scale=True)` and `v2.Normalize`. All arithmetic is float32: a *product*
/// with 1/255, a difference, a quotient. `mean` and `std` are rounded to float32 first.
///
/// # Panics
/// If `out` does not have `3 · H · W` elements.
pub fn normalised(image: &Image, mean: [f64; 3], std: [f64; 3], out: &mut [f32]) {
    let count = image.width() * image.height();
    assert_eq!(out.len(), 3 * count, "three planes of {}x{} pixels", image.width(), image.height());
    for channel in 0..3 {
        let table = table(mean[channel] as f32, std[channel] as f32);
        let plane = &mut out[channel * count..][..count];
        for (value, pixel) in plane.iter_mut().zip(image.pixels().chunks_exact(3)) {
            *value = table[usize::from(pixel[channel])];
        }
    }
}

/// A byte has 256 values, so a table of 256 floats per channel is enough.
fn table(mean: f32, std: f32) -> [f32; 256] {
    let scale = (1.0_f64 / 255.0) as f32;
    std::array::from_fn(|byte| (byte as f32 * scale - mean) / std)
}
