//! A few points that stand out of the difference between two runs.

use crate::finding::Window;
use crate::grid;
use crate::limits::Limit;
use crate::pairing::Pairing;
use crate::stats::median;

/// The largest residual of a difference from its running median.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Largest {
    /// In robust standard deviations of its window.
    pub(crate) largest: f64,
    /// In the meter's unit.
    pub(crate) height: f64,
    /// Where.
    pub(crate) place: usize,
}

/// The residuals behind the first steps, each with the robust standard deviation of its window.
pub(crate) struct Residuals {
    /// The place of the first one in the pairing.
    pub(crate) first: usize,
    pub(crate) heights: Vec<f64>,
    pub(crate) scales: Vec<f64>,
}

impl Residuals {
    /// In standard deviations.
    pub(crate) fn deviation(&self, index: usize) -> f64 {
        let (height, scale) = (self.heights[index].abs(), self.scales[index]);
        if height == 0.0 { 0.0 } else { height / scale }
    }
}

/// The largest residual of a run of so many steps; `None` if it has too few points.
pub(crate) fn largest(pairing: &Pairing, steps: u64) -> Option<Largest> {
    let residuals = residuals(pairing, steps)?;
    let order = |a: &usize, b: &usize| residuals.deviation(*a).total_cmp(&residuals.deviation(*b));
    let index = (0..residuals.heights.len()).max_by(order)?;
    let (largest, height) = (residuals.deviation(index), residuals.heights[index]);
    Some(Largest { largest, height, place: residuals.first + index })
}

/// The residuals from the median of blocks; `None` if there is not one block.
pub(crate) fn residuals(pairing: &Pairing, steps: u64) -> Option<Residuals> {
    let settled = pairing.within(grid::settled(steps));
    let (first, values) = (settled.start, &pairing.difference[settled]);
    let length = Limit::SpikeWindow.value() as usize;
    if values.len() < length {
        return None;
    }
    let heights = from_the_median(values, length);
    let iterations = &pairing.iterations[first..];
    let mut scales = vec![0.0; heights.len()];
    for window in scale_windows(iterations, length) {
        let range =
            iterations.partition_point(|at| *at < window.from)..iterations.partition_point(|at| *at < window.to);
        let scale = robust(&heights[range.clone()]);
        scales[range].fill(scale);
    }
    // Two runs that differ by rounding are nearly equal for thousands of steps, and then part within a few blocks: their noise there is
    // no spike, however smaller the difference was before.
    let blocks: Vec<f64> = heights.chunks(length).map(robust).collect();
    for (index, scale) in scales.iter_mut().enumerate() {
        let block = index / length;
        let near = &blocks[block.saturating_sub(1)..(block + 2).min(blocks.len())];
        *scale = near.iter().copied().fold(*scale, f64::max);
    }
    Some(Residuals { first, heights, scales })
}

/// Each value less the median of its block. The last block takes what does not fill one.
fn from_the_median(values: &[f64], length: usize) -> Vec<f64> {
    let whole = values.len() / length * length;
    let mut heights = Vec::with_capacity(values.len());
    for (index, block) in values[..whole].chunks(length).enumerate() {
        let block = if (index + 1) * length == whole { &values[index * length..] } else { block };
        let level = median(&mut block.to_vec());
        heights.extend(block.iter().map(|value| value - level));
    }
    heights
}

/// The standard deviation of residuals of which some stand out; 0 if there are none. Runs that are equal for a while have no noise
/// there, and the noise behind it is no spike.
fn robust(heights: &[f64]) -> f64 {
    let mut sizes: Vec<f64> = heights.iter().map(|height| height.abs()).filter(|height| *height > 0.0).collect();
    // The median of |x| of a normal x is 0.6745 of its standard deviation.
    let scale = median(&mut sizes) / 0.674_489_75;
    if scale.is_nan() { 0.0 } else { scale }
}

/// Windows that have the noise of one size: an octave, and no fewer points than a block.
fn scale_windows(iterations: &[u64], fewest: usize) -> Vec<Window> {
    let mut windows = Vec::new();
    let mut begin = 0;
    while begin < iterations.len() {
        let octave = iterations.partition_point(|at| *at < iterations[begin].saturating_mul(2));
        let mut end = octave.max(begin + fewest).min(iterations.len());
        if iterations.len() - end < fewest {
            end = iterations.len();
        }
        windows.push(Window { from: iterations[begin], to: iterations[end - 1] + 1 });
        begin = end;
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Noise;

    fn noisy(points: u64) -> Pairing {
        let mut noise = Noise::new(3);
        let difference: Vec<f64> = (0..points).map(|at| noise.normal() * (1.0 + 10.0 / (1.0 + at as f64))).collect();
        Pairing { iterations: (0..points).map(|at| at * 10).collect(), against: vec![0.0; points as usize], difference }
    }

    #[test]
    fn a_spike_of_five_points_stands_out_at_its_place_and_noise_does_not() {
        let mut pairing = noisy(2000);
        let calm = largest(&pairing, 20_000).unwrap();
        assert!(calm.largest < 5.5, "{calm:?}");
        pairing.difference[1500..1505].iter_mut().for_each(|value| *value += 8.0);
        let spike = largest(&pairing, 20_000).unwrap();
        assert!(spike.largest > 6.0 && (1500..1505).contains(&spike.place), "{spike:?}");
        assert!(largest(&noisy(40), 400).is_none());
    }

    /// An unpinned run on AVX-512 differed by 1e-7 up to step 3000, and then by the loss's own noise: 870 deviations of the former.
    #[test]
    fn runs_that_part_late_have_no_spike_where_they_part() {
        let (mut pairing, mut noise) = (noisy(2000), Noise::new(5));
        pairing.against.iter_mut().for_each(|value| *value = noise.normal());
        pairing.difference[..1900].iter_mut().for_each(|value| *value *= 1e-7);
        assert!(largest(&pairing, 20_000).unwrap().largest < 6.0);
        pairing.difference[1500..1505].iter_mut().for_each(|value| *value += 8.0);
        assert!(largest(&pairing, 20_000).unwrap().largest > 6.0);
    }

    #[test]
    fn equal_runs_have_no_spike() {
        let mut pairing = noisy(500);
        pairing.difference.fill(0.0);
        assert_eq!(largest(&pairing, 5000).unwrap().largest, 0.0);
        // Runs that part late have their noise behind that.
        let mut noise = Noise::new(4);
        pairing.difference[400..].iter_mut().for_each(|value| *value = noise.normal());
        assert!(largest(&pairing, 5000).unwrap().largest < 5.0);
    }
}
