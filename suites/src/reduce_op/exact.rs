//! The exact results of reductions: sums twice as precise as float64, and the largest errors of correct rounding.
//!
//! No constant decides here. If no intermediate result is rounded, the result must be the exact one, rounded once: 0 ulp. Otherwise a sum of n
//! products, added in any order, is off by at most k u / (1 - k u) of the sum of the magnitudes. Here k counts the roundings that one number
//! goes through (n - 1 additions, the product, AVG's division), and u is half a step of the format.

use super::format::{Format, power};
use super::values::{Certainty, Inputs};

/// Sums that would overflow float64 are in units of 2^-this.
const SHIFT: i32 = -100;

/// The sum over all ranks at one place, before any factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sum {
    /// A NaN is among the numbers, or infinities of both signs.
    NotANumber,
    /// Infinities of one sign are among the numbers.
    Infinite(f64),
    /// All numbers are finite.
    Finite {
        /// The sum is `high + low`, in units of 2^-`shift`.
        high: f64,
        low: f64,
        /// The sum of the magnitudes, in the same units.
        magnitude: f64,
        shift: i32,
        /// Whether all numbers are -0.
        negative_zero: bool,
    },
}

/// The op of a result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) format: Format,
    pub(super) world: usize,
    /// The factor, rounded to the format; none for a plain sum.
    pub(super) factor: Option<f64>,
    /// Whether the sum is divided by the number of ranks.
    pub(super) average: bool,
}

/// The judgement of a result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Judged {
    /// The result is right, and so many roundings away from the exact value; 0 if exactness was required.
    Right(f64),
    /// The result is wrong; the exact value, rounded once.
    Wrong(f64),
}

impl Sum {
    pub(super) fn of(inputs: &Inputs, place: usize) -> Self {
        let values = || (0..inputs.world).map(|rank| inputs.at(rank, place));
        let infinities = values().filter(|it| it.is_infinite());
        let sum: Option<f64> = infinities.reduce(|a, b| a + b);
        if values().any(f64::is_nan) || sum.is_some_and(f64::is_nan) {
            return Self::NotANumber;
        }
        if let Some(infinite) = sum {
            return Self::Infinite(infinite);
        }
        let shift = if values().any(|it| it.abs() > power(900)) { SHIFT } else { 0 };
        let (mut high, mut low, mut magnitude) = (0.0, 0.0, 0.0);
        for value in values() {
            let value = value * power(shift);
            let error;
            (high, error) = two_sum(high, value);
            low += error;
            magnitude += value.abs();
        }
        (high, low) = two_sum(high, low);
        let negative_zero = values().all(|it| it == 0.0 && it.is_sign_negative());
        Self::Finite { high, low, magnitude, shift, negative_zero }
    }
}

/// `a + b`, rounded, and the rounding error.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

impl Asked {
    /// The number of roundings that one number goes through.
    pub(super) fn roundings(&self) -> f64 {
        let scaled = self.average || self.factor.is_some_and(|it| it != 1.0);
        (self.world - 1) as f64 + if scaled { 1.0 } else { 0.0 }
    }

    /// Compares `result` with the exact one.
    pub(super) fn judge(&self, result: f64, sum: &Sum, certainty: Certainty) -> Judged {
        let factor = self.factor.unwrap_or(1.0);
        let Sum::Finite { high, low, magnitude, shift, negative_zero } = *sum else {
            let expected = if let Sum::Infinite(infinite) = sum { infinite * factor } else { f64::NAN };
            let same = result == expected || (result.is_nan() && expected.is_nan());
            return if same { Judged::Right(0.0) } else { Judged::Wrong(expected) };
        };
        let (high, low, magnitude) = self.scaled(high, low, magnitude);
        let expected = if negative_zero { -0.0 } else { self.format.rounded(high, shift) + 0.0 };
        let shown = if expected.is_infinite() { expected } else { expected * power(-shift) };
        let wrong = Judged::Wrong(shown);
        let result = if result.is_infinite() { result } else { result * power(shift) };
        if certainty == Certainty::Exact {
            // The sign of a zero counts.
            return if result.to_bits() == expected.to_bits() { Judged::Right(0.0) } else { wrong };
        }
        let (k, u) = (self.roundings(), self.format.roundoff());
        let bound = k * u / (1.0 - k * u) * magnitude + k * self.format.smallest() / 2.0;
        if result.is_infinite() {
            // The sum before a division.
            let largest = (magnitude + bound) * if self.average { self.world as f64 } else { 1.0 };
            let may = largest >= self.format.overflow(shift) && (result > 0.0) == (high > 0.0);
            return if may { Judged::Right(0.0) } else { wrong };
        }
        let error = ((result - high) - low).abs();
        // NaN is within no bound.
        if error <= bound { Judged::Right(if error == 0.0 { 0.0 } else { error / bound * k }) } else { wrong }
    }

    /// The exact result, and its sum of magnitudes.
    fn scaled(&self, high: f64, low: f64, magnitude: f64) -> (f64, f64, f64) {
        if let Some(factor) = self.factor {
            let product = high * factor;
            let (high, low) = two_sum(product, high.mul_add(factor, -product) + low * factor);
            return (high, low, magnitude * factor.abs());
        }
        if self.average {
            let n = self.world as f64;
            let quotient = high / n;
            let (high, low) = two_sum(quotient, ((-quotient).mul_add(n, high) + low) / n);
            return (high, low, magnitude / n);
        }
        (high, low, magnitude)
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::FORMATS;
    use super::super::grid::Family;
    use super::*;

    /// What a backend that adds in the order of ranks gives.
    fn added(inputs: &Inputs, asked: &Asked, place: usize) -> f64 {
        let round = |value: f64| inputs.format.rounded(value, 0);
        let scaled = |rank| {
            let value = inputs.at(rank, place);
            asked.factor.map_or(value, |factor| round(value * factor))
        };
        let sum = (1..inputs.world).fold(scaled(0), |sum, rank| round(sum + scaled(rank)));
        if asked.average { round(sum / inputs.world as f64) } else { sum }
    }

    #[test]
    fn correct_rounding_passes_and_one_step_beside_the_exact_does_not() {
        for format in FORMATS {
            for (family, world) in [Family::Whole, Family::Single, Family::Special, Family::Random]
                .into_iter()
                .flat_map(|family| [1, 2, 3, 8].map(|world| (family, world)))
            {
                let inputs = Inputs { family, format, world, seed: 3 };
                for (factor, average) in
                    [(None, false), (Some(0.5), false), (Some(1.0 / 3.0), false), (Some(2.0), false), (None, true)]
                {
                    let factor = factor.map(|it| format.rounded(it, 0));
                    let asked = Asked { format, world, factor, average };
                    for place in 0..240 {
                        let (sum, certainty) = (Sum::of(&inputs, place), inputs.certainty(place, factor, average));
                        let result = added(&inputs, &asked, place);
                        let judged = asked.judge(result, &sum, certainty);
                        let case = format!("{} {family:?} {world} {factor:?} {place}: {result:e}", format.name);
                        assert!(matches!(judged, Judged::Right(_)), "{case} {judged:?}");
                        if certainty == Certainty::Exact && result.is_finite() && result != 0.0 {
                            let beside = f64::from_bits(result.to_bits() + (1 << (53 - format.bits)));
                            assert!(matches!(asked.judge(beside, &sum, certainty), Judged::Wrong(_)), "{case}");
                        }
                        assert!(matches!(asked.judge(-1e300, &sum, certainty), Judged::Wrong(_)), "{case}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_sum_is_twice_as_precise_as_float64() {
        let inputs = Inputs { family: Family::Random, format: FORMATS[0], world: 8, seed: 1 };
        let Sum::Finite { high, low, .. } = Sum::of(&inputs, 5) else { panic!("finite") };
        assert!(low.abs() <= high.abs() * power(-53) && high + low == high);
    }
}
