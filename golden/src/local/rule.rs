//! The rule: what one operation's own error may be.

use std::cmp::Ordering;

use crate::tolerance::{LocalTolerance, Operation, SIGMAS, local_tolerance};

use super::error::UNDECIDED;
use super::{Estimate, OwnError};

/// Variance of a mean square of roundings to nearest, relative to its square, times the number of elements.
const SQUARES_VARY: f64 = 0.8;

/// An error that is found in nine of ten recordings lies so many standard errors above the limit.
const NINE_IN_TEN: f64 = 1.3;

/// What is measured of an operation's own error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Elements that are not finite where the local truth is, or the reverse.
    NonFinite,
    /// The share of elements that are not the nearest number.
    Misrounded,
    /// The root mean square of the error, in steps.
    Rms,
    /// The largest error, in steps.
    Largest,
    /// The mean error, in steps.
    Bias,
    /// The relative factor minus one.
    Factor,
    /// The multiple of the probe of this index.
    Probe(usize),
}

/// A measure that is beyond its limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breach {
    /// What is beyond.
    pub measure: Measure,
    /// How much was measured.
    pub value: f64,
    /// How much the rule allows.
    pub limit: f64,
}

impl Breach {
    /// A value that is no number is beyond every limit, and a limit that is none allows nothing.
    fn is_beyond(&self) -> bool {
        self.value.abs().partial_cmp(&self.limit).is_none_or(Ordering::is_gt)
    }

    /// How far beyond the limit.
    pub fn ratio(&self) -> f64 {
        if self.limit == 0.0 { f64::INFINITY } else { self.value.abs() / self.limit }
    }
}

/// The smallest mistake of a kind that nine in ten recordings of this size would have shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// A relative factor, as its distance from one.
    pub factor: f64,
    /// A constant, in steps.
    pub bias: f64,
}

/// The judgement on one operation.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalJudgement {
    /// Measures beyond their limits, the furthest first. Empty for a correct operation.
    pub breaches: Vec<Breach>,
    /// What a pass excludes.
    pub bound: Bound,
    /// The largest share of a limit that was used.
    pub share: f64,
}

impl LocalJudgement {
    /// Whether the operation is wrong.
    pub fn is_defect(&self) -> bool {
        !self.breaches.is_empty()
    }
}

/// Judges the error of one operation by the reference's own error at the same place of its recording. `reference` is
/// `None` where the reference recorded nothing to compute its local truth from: the floors of the table decide then.
pub fn judge(operation: Operation, own: &OwnError, reference: Option<&OwnError>) -> LocalJudgement {
    let row = local_tolerance(operation, own.resolution);
    let limits = Limits { row, own, reference };
    let measured = limits.all();
    let mut breaches: Vec<Breach> = measured.iter().filter(|it| it.is_beyond()).copied().collect();
    breaches.sort_by(|a, b| b.ratio().total_cmp(&a.ratio()));
    let share = |it: &Breach| if it.value == 0.0 { 0.0 } else { it.ratio() };
    LocalJudgement { breaches, bound: limits.bound(), share: measured.iter().map(share).fold(0.0, f64::max) }
}

struct Limits<'a> {
    row: &'a LocalTolerance,
    own: &'a OwnError,
    reference: Option<&'a OwnError>,
}

impl Limits<'_> {
    /// Every measure with its limit.
    fn all(&self) -> Vec<Breach> {
        let (row, own) = (self.row, self.own);
        let mut all = vec![Breach { measure: Measure::NonFinite, value: own.non_finite as f64, limit: 0.0 }];
        // Nothing can be rounded better. Where a few elements are far larger than the others, their rounding alone fits a factor.
        if row.misrounded.is_some() && own.is_nearest() {
            return all;
        }
        let luck = 1.0 + SIGMAS * (SQUARES_VARY / own.count.max(1) as f64).sqrt() / 2.0;
        let size = (row.k * self.of(|it| it.rms)).max(row.rms);
        all.push(Breach { measure: Measure::Rms, value: own.rms, limit: size * luck });
        let largest = (2.0 * row.k * self.of(|it| it.max)).max(row.largest);
        all.push(Breach { measure: Measure::Largest, value: own.max, limit: largest });
        if let Some(limit) = self.misrounded(SIGMAS) {
            all.push(Breach { measure: Measure::Misrounded, value: own.misrounded_share(), limit });
        }
        all.push(Breach { measure: Measure::Bias, value: own.bias.value, limit: self.bias(SIGMAS) });
        all.push(Breach { measure: Measure::Factor, value: own.factor.value, limit: self.factor(SIGMAS) });
        for (i, probe) in own.probes.iter().enumerate() {
            let same = |it: &OwnError| it.probes.get(i).map_or(0.0, |probe| finite(probe.value));
            let limit = row.k * self.of(same).abs() + row.probe + SIGMAS * probe.error;
            all.push(Breach { measure: Measure::Probe(i), value: finite(probe.value), limit });
        }
        all
    }

    fn of(&self, figure: impl Fn(&OwnError) -> f64) -> f64 {
        self.reference.map_or(0.0, figure)
    }

    fn misrounded(&self, sigmas: f64) -> Option<f64> {
        let share = self.row.k * self.of(OwnError::misrounded_share) + self.row.misrounded?;
        let count = self.own.decided.max(1) as f64;
        Some(share + sigmas * (share.max(1.0 / count) / count).sqrt())
    }

    fn bias(&self, sigmas: f64) -> f64 {
        self.beyond(self.own.bias, |it| it.bias, self.row.bias, sigmas)
    }

    fn factor(&self, sigmas: f64) -> f64 {
        self.beyond(self.own.factor, |it| it.factor, self.row.factor, sigmas)
    }

    fn beyond(&self, own: Estimate, same: impl Fn(&OwnError) -> Estimate, floor: f64, sigmas: f64) -> f64 {
        self.row.k * self.of(|it| finite(same(it).value).abs()) + floor + sigmas * own.error
    }

    /// The better of two ways to show: the estimates themselves, and elements that fall to another number. A shift by a small share of a step
    /// turns as large a share of the elements, but for those that are too near to the middle to be counted.
    fn bound(&self) -> Bound {
        let sigmas = SIGMAS + NINE_IN_TEN;
        let turned = self.misrounded(sigmas).map_or(f64::INFINITY, |share| share + 2.0 * UNDECIDED);
        Bound {
            factor: self.factor(sigmas).min(turned / self.own.size.max(f64::MIN_POSITIVE)),
            bias: self.bias(sigmas).min(turned),
        }
    }
}

/// A fit that says nothing counts as no deviation.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}
