//! Values that depend on their neighbours: how long they do, and means of blocks that do not.

use super::mean;
use crate::limits::Limit;

/// More lags are not looked at: a correlation over so many points leaves no block in any log.
const MOST_LAGS: usize = 2000;

/// The correlation time of a series in points, at least 1: a sample of n points is worth n over this many.
///
/// It is the sum of all autocorrelations, up to the first pair of neighbouring lags whose sum is not positive (Geyer's
/// initial positive sequence). The straight line through the series is taken out first, so that a drift is no
/// correlation.
pub(crate) fn correlation_time(values: &[f64]) -> f64 {
    let count = values.len();
    if count < 4 {
        return 1.0;
    }
    let at: Vec<f64> = (0..count).map(|index| index as f64).collect();
    let (level, slope) = line(&at, values);
    let residuals: Vec<f64> = at.iter().zip(values).map(|(at, value)| value - level - slope * at).collect();
    let product = |lag: usize| residuals.iter().zip(&residuals[lag..]).map(|(a, b)| a * b).sum::<f64>();
    let variance = product(0);
    // A straight line has no noise, and its residuals are rounding.
    if variance <= 1e-24 * values.iter().map(|value| value * value).sum::<f64>() {
        return 1.0;
    }
    let (mut time, mut lag) = (-1.0, 0);
    while lag + 1 < (count / 2).min(MOST_LAGS) {
        let pair = (product(lag) + product(lag + 1)) / variance;
        if pair <= 0.0 {
            break;
        }
        time += 2.0 * pair;
        lag += 2;
    }
    time.max(1.0)
}

/// Means of blocks of equal length, long enough not to depend on each other; what does not fill a block is left out at
/// the beginning.
pub(crate) struct Blocks {
    /// The means.
    pub(crate) means: Vec<f64>,
    /// The points of each block.
    pub(crate) length: usize,
    /// The correlation time of the points.
    pub(crate) time: f64,
}

/// Divides a series into [`Blocks`]. Its correlation time is at least `known`, that of a longer series of the same kind:
/// a few points do not show how long they depend on each other.
pub(crate) fn blocks(values: &[f64], known: f64) -> Blocks {
    let time = correlation_time(values).max(known);
    let by_time = (Limit::BlockLength.value() * (time - 1.0)).ceil() as usize;
    let by_number = (values.len() as f64 / Limit::MostBlocks.value()).ceil() as usize;
    let length = by_time.max(by_number).max(1);
    Blocks { means: values.rchunks_exact(length).rev().map(mean).collect(), length, time }
}

/// The straight line of least squares: its value at 0 and its slope. Without a spread of `at`, the slope is 0.
pub(crate) fn line(at: &[f64], values: &[f64]) -> (f64, f64) {
    let (middle, level) = (mean(at), mean(values));
    let square: f64 = at.iter().map(|at| (at - middle).powi(2)).sum();
    let product: f64 = at.iter().zip(values).map(|(at, value)| (at - middle) * (value - level)).sum();
    let slope = if square > 0.0 { product / square } else { 0.0 };
    (level - slope * middle, slope)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;
    use crate::testing::Noise;

    #[test]
    fn white_noise_has_no_memory_and_an_autoregression_the_one_of_the_formula() {
        let mut noise = Noise::new(7);
        let white: Vec<f64> = (0..20_000).map(|_| noise.normal()).collect();
        assert_relative_eq!(correlation_time(&white), 1.0, epsilon = 0.15);
        let correlated = noise.autoregression(40_000, 0.8);
        // (1 + 0.8) / (1 - 0.8)
        assert_relative_eq!(correlation_time(&correlated), 9.0, epsilon = 1.5);
        assert_eq!(correlation_time(&[2.0; 100]), 1.0);
    }

    #[test]
    fn blocks_are_at_most_twenty_and_whole() {
        let mut noise = Noise::new(8);
        let white: Vec<f64> = (0..1003).map(|_| noise.normal()).collect();
        assert!((16..=20).contains(&blocks(&white, 1.0).means.len()));
        let correlated = noise.autoregression(1003, 0.98);
        // Ten correlation times are a short series: the estimate is small, and the blocks are longer all the same.
        assert!(blocks(&correlated, 1.0).length > blocks(&white, 1.0).length, "{}", blocks(&correlated, 1.0).length);
        assert_eq!(blocks(&white, 200.0).means.len(), 2);
        assert_eq!(blocks(&[1.0, 2.0, 3.0], 1.0).means, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn the_line_goes_through_its_points() {
        let (level, slope) = line(&[1.0, 2.0, 3.0], &[5.0, 7.0, 9.0]);
        assert_relative_eq!(level, 3.0);
        assert_relative_eq!(slope, 2.0);
        assert_eq!(line(&[1.0], &[5.0]), (5.0, 0.0));
    }
}
