//! Places at which a series of numbers changes its level.

/// The fewest numbers on each side of a change.
const FEWEST: usize = 3;

/// How far two levels are apart, in standard errors, to be two: of a hundred places of noise one in some hundred series is beyond.
const FAR: f64 = 4.0;

/// The first places of new levels, in order. Binary segmentation: the place that tells two sides best splits a series, and then each
/// side. The noise is that of neighbours, so a change does not hide itself.
pub(super) fn changes(values: &[f64]) -> Vec<usize> {
    let mut steps: Vec<f64> = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    steps.sort_by(f64::total_cmp);
    // The median of |difference| of two normal numbers is 0.954 of their deviation.
    let noise = median(&steps) / 0.954;
    let mut found = Vec::new();
    split(values, 0, noise, &mut found);
    found.sort_unstable();
    found
}

fn split(values: &[f64], offset: usize, noise: f64, found: &mut Vec<usize>) {
    let Some(last) = values.len().checked_sub(FEWEST).filter(|last| *last >= FEWEST) else { return };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let far = |place: usize| {
        let (before, after) = values.split_at(place);
        let weight = (before.len() as f64 * after.len() as f64 / values.len() as f64).sqrt();
        (mean(after) - mean(before)).abs() * weight
    };
    let best = (FEWEST..=last).map(|place| (place, far(place))).max_by(|a, b| a.1.total_cmp(&b.1));
    let size = values.iter().fold(0.0_f64, |size, value| size.max(value.abs()));
    // Numbers that repeat have no noise; what rounding makes of their means is no change.
    let Some((place, _)) = best.filter(|(_, far)| *far > FAR * noise && *far > 1e-9 * size) else { return };
    found.push(offset + place);
    let (before, after) = values.split_at(place);
    split(before, offset, noise, found);
    split(after, offset + place, noise, found);
}

/// The median; NaN for nothing.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[length / 2],
        length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise of about one, from the digits of a fixed sequence.
    fn noise(index: usize) -> f64 {
        ((index * 7919 + 13) % 101) as f64 / 50.0 - 1.0
    }

    #[test]
    fn levels_are_told_from_noise() {
        let level = |index: usize| {
            if index < 20 {
                100.0
            } else if index < 33 {
                94.0
            } else {
                97.0
            }
        };
        let values: Vec<f64> = (0..50).map(|index| level(index) + 0.5 * noise(index)).collect();
        assert_eq!(changes(&values), [20, 33]);
        let quiet: Vec<f64> = (0..50).map(|index| 100.0 + 0.5 * noise(index)).collect();
        assert_eq!(changes(&quiet), [0; 0]);
    }

    #[test]
    fn numbers_without_noise_and_too_few_of_them() {
        assert_eq!(changes(&[1.0; 9]), [0; 0]);
        assert_eq!(changes(&[1.0, 1.0, 1.0, 2.0, 2.0, 2.0]), [3]);
        assert_eq!(changes(&[1.0, 2.0]), [0; 0]);
        assert_eq!(changes(&[]), [0; 0]);
    }
}
