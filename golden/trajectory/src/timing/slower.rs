//! Whether a run is slower than another one by more than their noise, and whether the noise lets that be found at all.

use serde::{Deserialize, Serialize};

use crate::limits::Limit;
use crate::stats::normal_exceeded;

/// A ratio of two speeds, held against a loss that is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slower {
    /// The speed over the other one.
    pub ratio: f64,
    /// The standard error of its logarithm.
    pub error: f64,
    /// The smallest ratio that passes: equal runs are below it in one of a hundred.
    pub smallest: f64,
    /// The probability with which the loss that is to be found is below `smallest`.
    pub power: f64,
    /// How many times as many steps would find it in nine runs of ten; 1 where these do.
    pub steps: f64,
}

impl Slower {
    /// Whether the run is slower.
    pub fn is_found(&self) -> bool {
        self.ratio < self.smallest
    }

    /// Whether a loss of that size would have been found.
    pub fn could_find(&self) -> bool {
        self.steps <= 1.0
    }
}

/// Holds `ratio`, whose logarithm has the standard error `error`, against the loss that leaves `loss` of the speed (0.97 for 3 %).
///
/// The threshold lies between 1 and `loss`: at 1 a run at the very edge would pass in half of the cases, and at `loss` a run without any
/// loss would fail in none, but one with exactly that loss would be found in half of them only.
pub fn slower(ratio: f64, error: f64, loss: f64) -> Slower {
    let (alarm, miss) = (normal_exceeded(Limit::GateLevel.value()), normal_exceeded(1.0 - Limit::Power.value()));
    let room = -loss.ln();
    // As far below 1 as noise goes in one of a hundred; where there is more room, half of it.
    let below = (alarm * error).max(room / 2.0);
    let power = normal_below((room - below) / error);
    let needed = room / (alarm + miss);
    let steps = if power >= Limit::Power.value() { 1.0 } else { (error / needed).powi(2).max(1.0) };
    Slower { ratio, error, smallest: (-below).exp(), power, steps }
}

/// The standard error of the logarithm of a figure with the interval `low` to `high` of this confidence.
pub fn error_of(low: f64, high: f64, confidence: f64) -> f64 {
    (high / low).ln().abs() / (2.0 * normal_exceeded((1.0 - confidence) / 2.0))
}

/// The probability of a normal variable below `value`.
fn normal_below(value: f64) -> f64 {
    use statrs::distribution::{ContinuousCDF, Normal};
    Normal::standard().cdf(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_machine_finds_the_loss_and_passes_what_is_equal() {
        let found = slower(0.97, 0.002, 0.97);
        assert!(found.is_found() && found.could_find() && found.power > 0.999, "{found:?}");
        assert!(!slower(0.999, 0.002, 0.97).is_found());
    }

    /// 0.0305 = 2.326 e + 1.282 e at e = 0.00844.
    #[test]
    fn the_noise_at_which_nine_of_ten_are_found() {
        assert!(slower(1.0, 0.0083, 0.97).could_find());
        let noisy = slower(1.0, 0.0169, 0.97);
        assert!(!noisy.could_find(), "{noisy:?}");
        assert!((noisy.steps - 4.0).abs() < 0.1, "four times the steps halve the error: {noisy:?}");
    }

    #[test]
    fn an_interval_gives_its_error_back() {
        assert!((error_of(0.99, 1.01, 0.95) - 0.0051).abs() < 1e-4);
    }
}
