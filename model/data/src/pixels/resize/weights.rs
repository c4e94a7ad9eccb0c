//! Pillow's resampling weights, in fixed point.

/// Fractional bits: 32, less 8 of a byte, less 2 since a cubic's partial sums leave 0 ..= 255.
pub const BITS: u32 = 22;

/// The weights that resample one axis to another length.
pub struct Weights {
    /// For each output element: its first input element, and the number of its input elements.
    pub bounds: Vec<(usize, usize)>,
    /// `[output, taps]`: weights in 2^-22; those beyond an element's own count are 0.
    pub values: Vec<i32>,
    /// Number of weights per output element, the same for all.
    pub taps: usize,
}

impl Weights {
    /// Weights from `from` elements to `to`, both above 0.
    pub fn new(from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        // Shrinking widens the filter, so that every input element counts.
        let stretch = scale.max(1.0);
        let support = 2.0 * stretch;
        let taps = 2 * support.ceil() as usize + 1;
        let mut weights = Self { bounds: Vec::with_capacity(to), values: vec![0; taps * to], taps };
        let mut exact = vec![0.0; taps];
        for (at, fixed) in weights.values.chunks_exact_mut(taps).enumerate() {
            let centre = (at as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let count = ((centre + support + 0.5) as usize).min(from) - first;
            for (tap, weight) in exact[..count].iter_mut().enumerate() {
                *weight = cubic(((first + tap) as f64 - centre + 0.5) * (1.0 / stretch));
            }
            let sum: f64 = exact[..count].iter().sum();
            for (fixed, weight) in fixed.iter_mut().zip(&exact[..count]) {
                *fixed = rounded(if sum == 0.0 { *weight } else { weight / sum });
            }
            weights.bounds.push((first, count));
        }
        weights
    }

    /// The weights that also reverse the output.
    pub fn mirrored(mut self) -> Self {
        self.bounds.reverse();
        let reversed: Vec<i32> = self.values.chunks_exact(self.taps).rev().flatten().copied().collect();
        self.values = reversed;
        self
    }

    /// Each output element's first input element and its weights.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let values = self.values.chunks_exact(self.taps);
        self.bounds.iter().zip(values).map(|(&(first, count), values)| (first, &values[..count]))
    }
}

/// Rounds to fixed point, halves away from zero.
fn rounded(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << BITS);
    (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

/// Keys' cubic with a = -0.5.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}
