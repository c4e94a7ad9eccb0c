//! Whether a run is slower than accepted ones by more than their noise, and whether the noise lets that be found at all.

use serde::{Deserialize, Serialize};

use crate::limits::Limit;
use crate::stats::{deviation, exceeded, mean, normal_exceeded};

/// The speed of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timed {
    /// The speed, in any unit.
    pub speed: f64,
    /// The standard error of its logarithm, from the steps of this run alone.
    pub error: f64,
    /// What of the error no number of further steps lessens.
    pub floor: f64,
}

/// The ratio of a run's speed to that of accepted ones, held against a loss that is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slower {
    /// The speed over that of the accepted runs.
    pub ratio: f64,
    /// The standard error of its logarithm.
    pub error: f64,
    /// How many runs were accepted.
    pub runs: usize,
    /// The deviation of the accepted runs from each other, relative to their speed; unknown of fewer than three.
    pub spread: Option<f64>,
    /// The smallest ratio that passes: equal runs are below it in one of a hundred.
    pub smallest: f64,
    /// The probability with which the loss that is to be found is below `smallest`.
    pub power: f64,
    /// How many times as many steps would find it in nine runs of ten; 1 where these do. `None` where runs differ by so much that no number of
    /// steps does.
    pub steps: Option<f64>,
    /// How many accepted runs would do, where more of them help.
    pub runs_needed: Option<usize>,
}

impl Slower {
    /// Whether the run is slower.
    pub fn is_found(&self) -> bool {
        self.ratio < self.smallest
    }

    /// Whether a loss of that size would have been found.
    pub fn could_find(&self) -> bool {
        self.power >= Limit::Power.value()
    }
}

/// More steps and more runs than these are advice to nobody.
const MOST_STEPS: f64 = 1e4;
const MOST_RUNS: usize = 50;

/// Holds `run` against runs that were `accepted`, at least one, and against the loss that leaves `loss` of their speed (0.97 for 3 %).
///
/// From three accepted runs on the noise is that of a run among runs, and not that of the steps within one: a run's own error knows what moves
/// while it lasts and in the next few, and nothing of another day. Where both are known, the larger one counts.
///
/// The threshold lies between 1 and `loss`: at 1 a run at the very edge would pass in half of the cases, and at `loss` a run without any
/// loss would fail in none, but one with exactly that loss would be found in half of them only.
pub fn slower(run: Timed, accepted: &[Timed], loss: f64) -> Slower {
    let logs: Vec<f64> = accepted.iter().map(|it| it.speed.ln()).collect();
    let (noise, room) = (Noise::of(run, accepted, &logs), -loss.ln());
    Slower {
        ratio: (run.speed.ln() - mean(&logs)).exp(),
        error: noise.deviation(),
        runs: noise.runs,
        spread: noise.spread,
        smallest: (-noise.below(room)).exp(),
        power: noise.power(room),
        steps: noise.steps(room),
        runs_needed: noise.runs_needed(room),
    }
}

/// What makes the ratio of equal runs another one than 1.
#[derive(Clone, Copy)]
struct Noise {
    /// The error of the run by its own steps.
    own: Own,
    /// That of an accepted one, in the quadratic mean.
    theirs: Own,
    /// The deviation of accepted runs from each other; unknown of fewer than three.
    spread: Option<f64>,
    /// What of it their own steps do not explain, and more steps do not lessen.
    between: f64,
    runs: usize,
}

/// The error of a run by its own steps.
#[derive(Clone, Copy)]
struct Own {
    error: f64,
    /// What more steps do not lessen.
    floor: f64,
}

impl Own {
    fn of(run: Timed) -> Self {
        Self { error: run.error, floor: run.floor.min(run.error) }
    }

    /// The quadratic mean of several.
    fn among(runs: &[Timed]) -> Self {
        let mean =
            |of: &dyn Fn(Self) -> f64| mean(&runs.iter().map(|run| of(Self::of(*run)).powi(2)).collect::<Vec<_>>());
        Self { error: mean(&|own| own.error).sqrt(), floor: mean(&|own| own.floor).sqrt() }
    }

    /// With so many times as many steps.
    fn longer(self, times: f64) -> Self {
        let lessened = (self.error.powi(2) - self.floor.powi(2)) / times;
        Self { error: (lessened + self.floor.powi(2)).sqrt(), ..self }
    }
}

impl Noise {
    /// `logs` are the logarithms of the accepted runs' speeds.
    fn of(run: Timed, accepted: &[Timed], logs: &[f64]) -> Self {
        let theirs = Own::among(accepted);
        let known = accepted.len() >= Limit::FewestRuns.value() as usize;
        let spread = known.then(|| deviation(logs));
        let between = spread.map_or(0.0, |spread| (spread.powi(2) - theirs.error.powi(2)).max(0.0).sqrt());
        Self { own: Own::of(run), theirs, spread, between, runs: accepted.len() }
    }

    /// The standard deviation of the ratio by the steps within runs.
    fn within(&self) -> f64 {
        self.own.error.hypot(self.theirs.error / (self.runs as f64).sqrt())
    }

    /// The deviation of a further run from the mean of those that were accepted, where it is known.
    fn among(&self) -> f64 {
        self.spread.map_or(0.0, |spread| spread * (1.0 + 1.0 / self.runs as f64).sqrt())
    }

    /// Runs that happen to agree better than their own steps allow are no less noisy for that.
    fn deviation(&self) -> f64 {
        self.among().max(self.within())
    }

    /// How far below 1 the threshold is: as far as noise goes in one of a hundred; where there is more room, half of it. A deviation that is
    /// estimated from few runs goes further than a known one.
    fn below(&self, room: f64) -> f64 {
        let level = Limit::GateLevel.value();
        let alone = normal_exceeded(level) * self.within();
        let student = if self.spread.is_some() { exceeded(level, self.runs as f64 - 1.0) } else { 0.0 };
        alone.max(student * self.among()).max(room / 2.0)
    }

    fn power(&self, room: f64) -> f64 {
        normal_below((room - self.below(room)) / self.deviation())
    }

    fn finds(&self, room: f64) -> bool {
        self.power(room) >= Limit::Power.value()
    }

    /// With so many times as many steps in each run.
    fn longer(&self, times: f64) -> Self {
        let (own, theirs) = (self.own.longer(times), self.theirs.longer(times));
        let left = theirs.error / self.theirs.error;
        let of_steps = |spread: f64| (spread.powi(2) - self.between.powi(2)).max(0.0).sqrt();
        let spread = self.spread.map(|spread| self.between.hypot(left * of_steps(spread)));
        Self { own, theirs, spread, ..*self }
    }

    fn steps(&self, room: f64) -> Option<f64> {
        if self.finds(room) {
            return Some(1.0);
        }
        let (mut few, mut enough) = (1.0, MOST_STEPS);
        if !self.longer(enough).finds(room) {
            return None;
        }
        // The power grows with the steps.
        for _ in 0..60 {
            let middle = f64::sqrt(few * enough);
            if self.longer(middle).finds(room) { enough = middle } else { few = middle }
        }
        Some(enough)
    }

    fn runs_needed(&self, room: f64) -> Option<usize> {
        self.spread?;
        (self.runs..=MOST_RUNS).find(|runs| Self { runs: *runs, ..*self }.finds(room))
    }
}

/// The standard error of the logarithm of a speed whose repeats are between `low` and `high` with this confidence: a repeat differs by the noise of
/// both runs.
pub fn error_of(low: f64, high: f64, confidence: f64) -> f64 {
    (high / low).ln().abs() / (2.0 * 2.0_f64.sqrt() * normal_exceeded((1.0 - confidence) / 2.0))
}

/// The probability of a normal variable below `value`.
fn normal_below(value: f64) -> f64 {
    use statrs::distribution::{ContinuousCDF, Normal};
    Normal::standard().cdf(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Noise as Draws;

    /// A run whose noise more steps lessen.
    fn still(speed: f64, error: f64) -> Timed {
        Timed { speed, error, floor: 0.0 }
    }

    /// A run of this ratio beside one accepted run, where the ratio has this error.
    fn one(ratio: f64, error: f64, loss: f64) -> Slower {
        let error = error / 2.0_f64.sqrt();
        slower(still(ratio, error), &[still(1.0, error)], loss)
    }

    #[test]
    fn a_quiet_machine_finds_the_loss_and_passes_what_is_equal() {
        let found = one(0.97, 0.002, 0.97);
        assert!(found.is_found() && found.could_find() && found.power > 0.999, "{found:?}");
        assert!(!one(0.999, 0.002, 0.97).is_found());
    }

    /// 0.0305 = 2.326 e + 1.282 e at e = 0.00844.
    #[test]
    fn the_noise_at_which_nine_of_ten_are_found() {
        assert!(one(1.0, 0.0083, 0.97).could_find());
        let noisy = one(1.0, 0.0169, 0.97);
        assert!(!noisy.could_find(), "{noisy:?}");
        assert!((noisy.steps.unwrap() - 4.0).abs() < 0.1, "four times the steps halve the error: {noisy:?}");
    }

    /// No number of steps lessens what flickers.
    #[test]
    fn more_steps_are_no_advice_where_noise_flickers() {
        let of =
            |floor: f64| slower(Timed { floor, ..still(1.0, 0.012) }, &[Timed { floor, ..still(1.0, 0.012) }], 0.97);
        let (still, some, all) = (of(0.0), of(0.005), of(0.012));
        assert!(!still.could_find() && still.steps.unwrap() < some.steps.unwrap(), "{still:?} {some:?}");
        assert_eq!(all.steps, None);
    }

    #[test]
    fn an_interval_gives_its_error_back() {
        assert!((error_of(0.99, 1.01, 0.95) - 0.003_61).abs() < 1e-5);
    }

    /// Steps within a run cannot say how far runs are apart, and more of them do not bring runs together.
    #[test]
    fn what_differs_between_runs_is_noise_too() {
        let at = |speeds: &[f64]| -> Vec<Timed> { speeds.iter().map(|&speed| still(speed, 0.001)).collect() };
        let run = still(0.98, 0.001);
        let alone = slower(run, &at(&[1.0]), 0.97);
        assert!(alone.is_found() && alone.spread.is_none() && alone.runs == 1, "{alone:?}");
        let few = slower(run, &at(&[1.02, 1.0, 0.98]), 0.97);
        assert!(!few.is_found() && !few.could_find(), "{few:?}");
        assert_eq!(few.steps, None, "runs are 2 % apart");
        assert_eq!(few.runs_needed, None, "and no number of them finds a loss of 3 %");
        let close = slower(run, &at(&[1.006, 1.0, 0.994]), 0.97);
        assert!(!close.could_find() && close.steps.is_none(), "{close:?}");
        assert!(close.runs_needed.is_some_and(|runs| (4..12).contains(&runs)), "{close:?}");
        // Where each run is noisy by itself and they agree, steps are what is missing.
        let noisy = |speed: f64| still(speed, 0.02);
        let steps = slower(noisy(1.0), &[noisy(1.01), noisy(1.0), noisy(0.99)], 0.97);
        assert!(!steps.could_find() && steps.steps.is_some_and(|times| times > 4.0), "{steps:?}");
    }

    /// One false alarm in a hundred, however far runs are apart. The noise within a run alone cries in up to a third of equal runs.
    #[test]
    fn equal_runs_are_called_slower_in_one_of_a_hundred() {
        const PAIRS: usize = 4000;
        for (between, runs) in [(0.0, 3), (0.002, 3), (0.01, 3), (0.003, 6), (0.02, 6), (0.005, 12)] {
            let mut draws = Draws::new(7);
            let mut draw = || {
                let own = 0.002 * draws.normal();
                still((between * draws.normal() + own).exp(), 0.002)
            };
            let (mut alarms, mut alone) = (0, 0);
            for _ in 0..PAIRS {
                let accepted: Vec<Timed> = (0..runs).map(|_| draw()).collect();
                let run = draw();
                alarms += usize::from(slower(run, &accepted, 0.9999).is_found());
                alone += usize::from(slower(run, &accepted[..1], 0.9999).is_found());
            }
            assert!(alarms <= PAIRS / 100 + 25, "{between} {runs}: {alarms} of {PAIRS}");
            assert!(between < 0.01 || alone > PAIRS / 10, "{between} {runs}: {alone} of {PAIRS}");
        }
    }
}
