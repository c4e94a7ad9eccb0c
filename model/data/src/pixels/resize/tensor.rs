//! Resampling of normalised values.

use super::shorter_side;

/// Resizes a float32 `[3, height, width]` image so that its shorter side is `size`. Returns the values, the new height
/// and the new width.
///
/// Equals `v2.Resize(size, BICUBIC)` (antialiased) on a float32 tensor: torch 2.8's kernel on a CPU with fused
/// multiply-adds. The kernel runs the horizontal pass first.
///
/// # Panics
/// If `values` does not have `3 · height · width` elements, or a side is 0.
pub fn resize_tensor(values: &[f32], height: usize, width: usize, size: usize) -> (Vec<f32>, usize, usize) {
    assert_eq!(values.len(), 3 * height * width, "three planes of {width}x{height} pixels");
    assert!(height > 0 && width > 0 && size > 0, "{width}x{height} to {size}");
    let (rows, columns) = shorter_side(height, width, size);
    if (rows, columns) == (height, width) {
        return (values.to_vec(), height, width);
    }
    let across = weights(width, columns);
    let mut wide = Vec::with_capacity(3 * height * columns);
    for row in values.chunks_exact(width) {
        wide.extend(across.iter().map(|(first, weights)| weighted(weights, |tap| row[first + tap])));
    }
    let down = weights(height, rows);
    let mut out = Vec::with_capacity(3 * rows * columns);
    for plane in wide.chunks_exact(height * columns) {
        for (first, weights) in &down {
            let top = &plane[first * columns..];
            out.extend((0..columns).map(|x| weighted(weights, |tap| top[tap * columns + x])));
        }
    }
    (out, rows, columns)
}

/// The sum of products with the order and the roundings of torch's compiled kernel: the first product, then four
/// products at a time, each rounded before the addition, then the remaining products by fused multiply-adds.
#[inline(always)]
fn weighted(weights: &[f32], value: impl Fn(usize) -> f32) -> f32 {
    let Some((first, rest)) = weights.split_first() else { return 0.0 };
    let rounded = rest.len() / 4 * 4;
    let mut sum = value(0) * first;
    for (at, weight) in rest.iter().enumerate() {
        sum = if at < rounded { sum + value(at + 1) * weight } else { value(at + 1).mul_add(*weight, sum) };
    }
    sum
}

/// For each of `to` output elements: its first input element among `from`, and its weights.
fn weights(from: usize, to: usize) -> Vec<(usize, Vec<f32>)> {
    let scale = from as f32 / to as f32;
    let support = if scale >= 1.0 { (2.0 * f64::from(scale)) as f32 } else { 2.0 };
    let inverse = if scale >= 1.0 { (1.0 / f64::from(scale)) as f32 } else { 1.0 };
    let most = 2 * support.ceil() as usize + 1;
    let weights_at = |at: usize| {
        let centre = (f64::from(scale) * (at as f64 + 0.5)) as f32;
        let first = (f64::from(centre - support) + 0.5).max(0.0) as usize;
        let end = ((f64::from(centre + support) + 0.5) as usize).min(from);
        let count = end.saturating_sub(first).min(most);
        let mut weights: Vec<f32> = (first..first + count)
            .map(|tap| cubic(((f64::from(tap as f32 - centre) + 0.5) * f64::from(inverse)) as f32))
            .collect();
        let sum = weights.iter().fold(0.0, |sum: f32, weight| sum + weight);
        if sum != 0.0 {
            weights.iter_mut().for_each(|weight| *weight /= sum);
        }
        (first, weights)
    };
    (0..to).map(weights_at).collect()
}

/// Keys' cubic with a = -0.5, each step fused.
fn cubic(x: f32) -> f32 {
    const A: f32 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0).mul_add(x, -(A + 3.0)) * x).mul_add(x, 1.0)
    } else if x < 2.0 {
        A.mul_add(x, -5.0 * A).mul_add(x, 8.0 * A).mul_add(x, -4.0 * A)
    } else {
        0.0
    }
}
