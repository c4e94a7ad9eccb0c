//! The figures of findings, one variant for each kind.

use serde::Serialize;

use super::Common;
use crate::run::Resolution;

/// The first place where two runs part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parting {
    /// The iteration.
    pub iteration: u64,
    /// The meter, the first one in the order of the log.
    pub meter: String,
    /// The candidate's value.
    pub candidate: f64,
    /// The other run's value.
    pub against: f64,
}

/// Iterations: how many, and the first few of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Iterations {
    /// How many.
    pub count: u64,
    /// The first ones.
    pub first: Vec<u64>,
}

/// A ratio between norms of gradients that a number of ranks explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RankFactor {
    /// 1/N: the candidate averages gradients over N ranks where the other run sums them. Newer commits of the reference
    /// average; the pinned one sums.
    Averaged(u32),
    /// N: the candidate sums where the other run averages.
    Summed(u32),
}

/// What a log cannot show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unseen {
    /// The teacher's temperature has no column: a wrong one shows in the losses alone.
    TeacherTemperature,
    /// The values are medians: a spike of fewer steps than half their window hardly moves them.
    ShortSpikes {
        /// Half a window, in steps.
        steps: u64,
    },
    /// Correct runs are apart by more in this norm than a number of ranks makes: other norms alone show one.
    NormFactor,
}

/// How many runs would show equivalence, at most how far apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Need {
    /// Further runs of the other side.
    pub runs: usize,
    /// The largest standard deviation between them at which the same two numbers would be equivalent; `None` if they
    /// would not be at any.
    pub largest_spread: Option<f64>,
}

/// The figures of a finding. Differences and slopes of [`crate::meters::MeterKind::GradientNorm`] are of natural
/// logarithms.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Detail {
    /// Coverage: how much both have ([`Verdict::common`](super::Verdict::common)).
    Covered(Common),
    /// Coverage: expected iterations that are not in the log, between its first and last one.
    Missing(Iterations),
    /// Coverage: an iteration that comes twice without a restart.
    Repeated(Iterations),
    /// Coverage: an iteration behind a later one.
    OutOfOrder(Iterations),
    /// Coverage: the program went on from these iterations; of repeated ones the last line counts.
    Restarted(Iterations),
    /// Coverage: the log ends too early.
    Truncated {
        /// The last iteration; `None` if nothing is in common.
        last: Option<u64>,
        /// The expected last one.
        expected: u64,
    },
    /// Coverage: the log begins too late.
    BeginsLate {
        /// Its first iteration.
        first: u64,
        /// The expected first one.
        expected: u64,
    },
    /// Coverage: the log goes beyond what it is held against.
    Longer {
        /// Its last iteration.
        last: u64,
        /// The expected last one.
        expected: u64,
    },
    /// Coverage: the whole training has another length. `candidate` is `None` where its log does not say.
    Horizon {
        /// The candidate's.
        candidate: Option<u64>,
        /// The other run's.
        against: Option<u64>,
    },
    /// Coverage: values that are no numbers where the other run has numbers.
    NotFinite {
        /// How many are NaN.
        nan: u64,
        /// How many are infinite.
        infinite: u64,
        /// The iteration of the first one.
        first: u64,
    },
    /// Coverage: the logs have a line each so many steps.
    Cadence {
        /// The candidate's.
        candidate: u64,
        /// The other run's.
        against: u64,
        /// Whether medians of 20 steps were taken of the candidate's values, since the other run's are such medians.
        medians: bool,
    },
    /// Coverage: the candidate's log has no such meter.
    MeterMissing,
    /// Coverage: the other run has no such meter.
    MeterUnknown,
    /// Coverage: the log gives rounded values, which are never identical.
    Rounded(Resolution),
    /// Coverage: what no log of this kind shows.
    Unseen(Unseen),
    /// Identity: how far the runs have the same bits.
    Prefix {
        /// Identical steps from the beginning.
        steps: u64,
        /// Steps compared.
        of: u64,
        /// Whether each step was compared, or medians alone.
        each_step: bool,
        /// Whether the values of both are exact. Rounded values that agree are not identical.
        exact: bool,
        /// Where they part.
        parting: Option<Parting>,
    },
    /// Schedule: a column that must agree exactly.
    Column {
        /// Iterations compared.
        compared: u64,
        /// Iterations that disagree.
        differing: u64,
        /// The first of them.
        parting: Option<Parting>,
        /// The median of candidate / other over the iterations that disagree.
        factor: Option<f64>,
        /// How exactly both are known.
        resolution: Resolution,
    },
    /// Windows: the deviation of a window's mean.
    Deviation {
        /// Candidate minus the mean of the runs.
        difference: f64,
        /// The standard error that it is held against: of one more run.
        error: f64,
        /// Difference / error.
        deviation: f64,
        /// The largest deviation that passes, the number of windows considered.
        limit: f64,
        /// The probability of such a deviation in one window of a correct run.
        p: f64,
        /// The same in any of the windows, by Holm's method.
        adjusted: f64,
        /// Points of the window.
        points: u64,
        /// How many independent points they are worth.
        effective: f64,
    },
    /// Tail: two one-sided tests.
    Equivalence {
        /// Candidate minus the mean of the runs.
        difference: f64,
        /// The interval that holds the true difference with a probability of 90 %.
        lower: f64,
        /// See `lower`.
        upper: f64,
        /// The margin, stated beforehand.
        margin: f64,
        /// The larger p-value of the two tests.
        p: f64,
        /// The level below which equivalence is shown.
        level: f64,
        /// The smallest margin that this log could have shown.
        smallest_margin: f64,
        /// The mean of the other run's tail, to relate the figures to.
        mean: f64,
        /// How many independent points the tail is worth.
        effective: f64,
    },
    /// Drift: the slope of the difference, times the length of the run.
    Slope {
        /// The change of the difference over the whole run.
        change: f64,
        /// The interval of the change, 99 %.
        lower: f64,
        /// See `lower`.
        upper: f64,
        /// The probability of such a slope in a correct run.
        p: f64,
        /// The same for any of the meters.
        adjusted: f64,
        /// The level below which it is a drift.
        level: f64,
    },
    /// Spikes: the largest residual of the difference from its running median.
    Spike {
        /// The residual, in robust standard deviations.
        largest: f64,
        /// The limit.
        limit: f64,
        /// The residual in the meter's unit.
        height: f64,
        /// The iterations over the limit; the largest alone where none is.
        from: u64,
        /// See `from`.
        to: u64,
        /// How many points are over the limit.
        count: u64,
        /// Whether each step was looked at, or medians alone.
        each_step: bool,
    },
    /// Norm factor: candidate / other, the same over the run.
    Factor {
        /// The factor.
        factor: f64,
        /// Its interval, 99 %.
        lower: f64,
        /// See `lower`.
        upper: f64,
        /// The probability of such a factor in a correct run.
        p: f64,
        /// The largest factor, and one over it the smallest, that passes.
        limit: f64,
        /// The number of ranks that explains it.
        ranks: Option<RankFactor>,
    },
    /// Any check: too few of the runs that the spread is measured from reach these steps.
    FewRuns,
    /// Any check: too few points for it.
    TooFew {
        /// Points or blocks that the logs have.
        have: u64,
        /// Points or blocks that it needs.
        need: u64,
    },
    /// Tail: one value of each run.
    TwoNumbers {
        /// The candidate's.
        candidate: f64,
        /// The other run's.
        against: f64,
        /// Their difference.
        difference: f64,
        /// The largest error of the difference by rounding.
        rounding: f64,
        /// The margin, stated beforehand.
        margin: f64,
        /// What would be needed.
        needs: Vec<Need>,
    },
}
