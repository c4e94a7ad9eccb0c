//! How far the medians of repeats of a run are apart, by the steps of one run.
//!
//! The noise of steps is of two kinds. One is another in each step: a run of four times as many steps has half of it. The other is that of a
//! clock and of neighbours on the machine. It is as large between one thousand of steps and the next as between two steps
//! (flicker noise), no number of steps lessens it, and an interval without it is too narrow for whoever measures again.
//!
//! The Allan variance tells them apart: half the mean square of what neighbouring blocks of steps differ by. It falls with the length of the
//! blocks by the first kind, and stays by the second.

use super::steps::middle;
use crate::limits::Limit;
use crate::stats::{mean, normal_exceeded};

/// Blocks of a run whose differences are looked at. Shorter blocks show what steps remember of the steps before them, and fewer blocks are too
/// few for a variance.
const BLOCKS: [usize; 4] = [64, 32, 16, 8];

/// Ratios of both kinds that are tried on each side of 1, a tenth of a decade apart.
const RATIOS: i32 = 30;

/// The noise of a run's median, as variances of its logarithm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Repeats {
    /// Of what is another in each step: a run twice as long has half.
    white: f64,
    /// Of what is as large over any number of steps.
    flicker: f64,
}

impl Repeats {
    /// The noise in the median of these times, in the order of the run; `None` if they are too few, or one is no time above zero.
    pub(super) fn of(times: &[f64]) -> Option<Self> {
        if !times.iter().all(|time| time.is_finite() && *time > 0.0) {
            return None;
        }
        let logs: Vec<f64> = times.iter().map(|time| time.ln()).collect();
        let mut lengths: Vec<usize> = BLOCKS.iter().map(|blocks| logs.len() / blocks).filter(|it| *it > 0).collect();
        lengths.dedup();
        let seen: Vec<Seen> = lengths.into_iter().filter_map(|length| Seen::of(&logs, length)).collect();
        if seen.is_empty() {
            return None;
        }
        let tried = (-RATIOS..=RATIOS).map(|ratio| 10.0_f64.powf(f64::from(ratio) / 10.0));
        let fits = std::iter::once(0.0).chain(tried).map(|ratio| fit(&seen, ratio));
        fits.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, repeats)| repeats)
    }

    /// The standard deviation of the median's logarithm among [`Limit::Repeats`] runs one after the other.
    pub(super) fn error(&self) -> f64 {
        self.white.sqrt().hypot(self.floor())
    }

    /// What no number of further steps lessens of it.
    pub(super) fn floor(&self) -> f64 {
        (self.flicker * far(Limit::Repeats.value() - 1.0)).sqrt()
    }

    /// The factor by which a repeat's median is above or below this run's at the most, in all but [`Limit::RepeatLevel`] of repeats. The
    /// difference of two runs has the noise of both.
    pub(super) fn reach(&self) -> f64 {
        (normal_exceeded(Limit::RepeatLevel.value() / 2.0) * self.error() * 2.0_f64.sqrt()).exp()
    }
}

/// The variance of what two runs differ by in flicker noise, when `runs` of their length lie between their beginnings, in multiples of that of
/// neighbouring runs: it grows with the logarithm.
fn far(runs: f64) -> f64 {
    let of = |length: f64| if length > 0.0 { length * length * length.ln() } else { 0.0 };
    (of(runs + 1.0) - 2.0 * of(runs) + of(runs - 1.0)) / (4.0 * std::f64::consts::LN_2)
}

/// The Allan variance of blocks of one length.
struct Seen {
    /// The number of such blocks in the run.
    blocks: f64,
    variance: f64,
}

impl Seen {
    /// Of the medians of blocks of this length; blocks begin at each quarter of one, which lessens the noise of the variance.
    fn of(logs: &[f64], length: usize) -> Option<Self> {
        let median = |from: usize| middle(&logs[from..from + length]);
        let places = (0..=logs.len().checked_sub(2 * length)?).step_by((length / 4).max(1));
        let squares: Vec<f64> = places.map(|from| (median(from + length) - median(from)).powi(2)).collect();
        Some(Self { blocks: logs.len() as f64 / length as f64, variance: mean(&squares) / 2.0 })
    }
}

/// The most likely noise whose kinds have this ratio in the whole run, behind the logarithm of how unlikely it is. An estimate of a variance from
/// so many blocks has a gamma distribution.
fn fit(seen: &[Seen], ratio: f64) -> (f64, Repeats) {
    let shape = |it: &Seen| it.blocks + ratio;
    let blocks: f64 = seen.iter().map(|it| it.blocks).sum();
    let white = seen.iter().map(|it| it.blocks * it.variance / shape(it)).sum::<f64>() / blocks;
    let expected = |it: &Seen| (white * shape(it)).max(f64::MIN_POSITIVE);
    let unlikely = seen.iter().map(|it| it.blocks * (expected(it).ln() + it.variance / expected(it))).sum();
    (unlikely, Repeats { white, flicker: ratio * white })
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;
    use crate::testing::Noise;

    const PAIRS: u32 = 300;

    /// Flicker noise: a walk that forgets, of each length, one as large as the other.
    fn flicker(noise: &mut Noise, count: usize) -> Vec<f64> {
        let mut sum = vec![0.0; count];
        for octave in 0..=count.ilog2() + 1 {
            let walk = noise.autoregression(count, (-0.5_f64.powi(octave as i32)).exp());
            sum.iter_mut().zip(walk).for_each(|(sum, it)| *sum += it);
        }
        sum
    }

    /// In how many of a hundred cases a run of `steps` holds the median of one that begins so many runs later.
    fn held(steps: usize, later: usize, mut times: impl FnMut(&mut Noise, usize) -> Vec<f64>) -> f64 {
        let mut held = 0;
        for seed in 0..PAIRS {
            let all = times(&mut Noise::new(seed), (later + 1) * steps);
            let (run, repeat) = (&all[..steps], &all[later * steps..]);
            let far = (middle(repeat) / middle(run)).ln().abs();
            held += u32::from(far <= Repeats::of(run).unwrap().reach().ln());
        }
        100.0 * f64::from(held) / f64::from(PAIRS)
    }

    fn white(noise: &mut Noise, count: usize) -> Vec<f64> {
        (0..count).map(|_| (0.02 * noise.normal()).exp()).collect()
    }

    fn flickering(noise: &mut Noise, count: usize) -> Vec<f64> {
        flicker(noise, count).into_iter().map(|it| (0.02 * it + 0.05 * noise.normal()).exp()).collect()
    }

    /// A run of forty steps does not see all that moves over ten such runs.
    #[test]
    fn nineteen_of_twenty_repeats_are_in_the_interval() {
        for (steps, least) in [(40, 85.0), (200, 90.0), (1200, 94.0)] {
            let of = |later| [held(steps, later, white), held(steps, later, flickering)];
            println!("{steps} steps: the next run {:?}, the tenth {:?}", of(1), of(9));
            for share in [of(1), of(9)].concat() {
                assert!(share >= least, "{steps}: {share} of 100");
            }
        }
    }

    /// Where steps do not depend on each other, the error is that of a median.
    #[test]
    fn white_noise_is_not_taken_for_flicker() {
        let errors: Vec<f64> =
            (0..40).map(|seed| Repeats::of(&white(&mut Noise::new(seed), 4000)).unwrap().error()).collect();
        let expected = 0.02 * (std::f64::consts::FRAC_PI_2 / 4000.0).sqrt();
        assert_relative_eq!(middle(&errors), expected, max_relative = 0.25);
    }

    #[test]
    fn more_steps_lessen_one_kind_alone() {
        let of = |steps| {
            let floors = (0..20).map(|seed| Repeats::of(&flickering(&mut Noise::new(seed), steps)).unwrap().floor());
            middle(&floors.collect::<Vec<_>>())
        };
        assert_relative_eq!(of(16_000), of(1000), max_relative = 0.3);
    }

    #[test]
    fn the_difference_of_far_runs_grows_with_the_logarithm() {
        assert_relative_eq!(far(1.0), 1.0);
        assert_relative_eq!(far(9.0), 2.6662, max_relative = 1e-3);
    }

    #[test]
    fn equal_steps_have_no_noise_and_few_tell_none() {
        let still = Repeats::of(&[0.5; 100]).unwrap();
        assert_eq!((still.error(), still.reach()), (0.0, 1.0));
        assert_eq!(Repeats::of(&[0.5; 7]), None);
        assert_eq!([0.0, f64::NAN, f64::INFINITY].map(|time| Repeats::of(&[time; 100])), [None; 3]);
    }
}
