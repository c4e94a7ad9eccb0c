//! Statistics that the judge needs, on plain numbers.

mod blocks;

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

pub(crate) use blocks::{Blocks, blocks, correlation_time, line};

/// Mean; NaN for nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation of a sample; NaN for fewer than two values.
pub(crate) fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)).sqrt()
}

/// The median, the lower of the two middle values; NaN for nothing. Reorders the values.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let middle = (values.len() - 1) / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// The probability of a Student's t at least as far from zero.
pub(crate) fn both_sides(t: f64, freedom: f64) -> f64 {
    (2.0 * beyond(t.abs(), freedom)).min(1.0)
}

/// The probability of a Student's t above `t`. NaN for no degree of freedom.
pub(crate) fn beyond(t: f64, freedom: f64) -> f64 {
    if t.is_infinite() {
        return if t > 0.0 { 0.0 } else { 1.0 };
    }
    if t.is_nan() {
        return f64::NAN;
    }
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| student.sf(t))
}

/// The Student's t that is exceeded with the probability `p`, at most a half.
pub(crate) fn exceeded(p: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| -student.inverse_cdf(p))
}

/// The normal deviate that is exceeded with the probability `p`.
pub(crate) fn normal_exceeded(p: f64) -> f64 {
    -Normal::standard().inverse_cdf(p)
}

/// Holm's correction: the probability of such a value in any of the tests, if all null hypotheses hold.
pub(crate) fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let (mut adjusted, mut largest) = (vec![f64::NAN; p.len()], 0.0_f64);
    for (rank, index) in order.into_iter().enumerate() {
        largest = largest.max(p[index] * (p.len() - rank) as f64).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn quantiles_are_those_of_tables() {
        assert_relative_eq!(exceeded(0.05, 11.0), 1.795_884_819, epsilon = 1e-7);
        assert_relative_eq!(exceeded(0.0005, 11.0), 4.436_979_338, epsilon = 1e-7);
        assert_relative_eq!(both_sides(-2.200_985_16, 11.0), 0.05, epsilon = 1e-7);
        assert_relative_eq!(normal_exceeded(0.025), 1.959_963_985, epsilon = 1e-7);
        // Far in the tail, where the windows' level is after the correction.
        let far = exceeded(1e-6, 11.0);
        assert_relative_eq!(beyond(far, 11.0), 1e-6, max_relative = 1e-6);
        assert_eq!(both_sides(f64::INFINITY, 3.0), 0.0);
    }

    #[test]
    fn holm_multiplies_the_smallest_by_the_number_of_tests() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (adjusted, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert_relative_eq!(*adjusted, expected, epsilon = 1e-12);
        }
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }

    #[test]
    fn the_median_is_the_lower_of_two_as_torch_has_it() {
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.0);
        assert!(median(&mut []).is_nan());
    }
}
