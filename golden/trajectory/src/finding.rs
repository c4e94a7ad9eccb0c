//! What a comparison found, as data: no sentence stands here. [`Finding::figure`] gives the number that a table shows.

use serde::{Deserialize, Serialize};

use crate::plot::Plot;
use crate::run::Resolution;
use crate::spread::SpreadKind;

/// The result of a comparison of two runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The whole of it.
    pub outcome: Outcome,
    /// The name of the run that is judged.
    pub candidate: String,
    /// The name of the run that it is held against.
    pub against: String,
    /// How much the two logs have in common.
    pub common: Common,
    /// What the statistics rest on.
    pub basis: Basis,
    /// What each check found, in the order of [`CheckKind::ALL`], within a check in the order of meters and windows.
    pub findings: Vec<Finding>,
    /// The curves of each compared meter.
    pub plots: Vec<Plot>,
}

impl Verdict {
    /// The status of a check: the worst of its findings; `None` if it found nothing.
    pub fn status(&self, check: CheckKind) -> Option<Status> {
        self.of(check).map(|finding| finding.status).max()
    }

    /// The findings of a check.
    pub fn of(&self, check: CheckKind) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.check == check)
    }

    /// The findings that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.status == Status::Fail)
    }
}

/// The whole of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The same bits in all that was logged, over the whole run.
    Identical,
    /// No check failed, and the tail is equivalent within the margin.
    Follows,
    /// No check failed, and equivalence is not shown: the logs hold too little.
    Inconclusive,
    /// A check failed.
    Differs,
}

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Which iterations and meters the log has, and whether their values are numbers.
    Coverage,
    /// The identical prefix.
    Identity,
    /// Learning rate, weight decay, momentum, weights of losses, batch sizes.
    Schedule,
    /// The deviation in each window.
    Windows,
    /// Equivalence of the tail.
    Tail,
    /// The slope of the difference.
    Drift,
    /// A few steps that stand out.
    Spikes,
    /// A constant factor between the norms of gradients.
    NormFactor,
}

impl CheckKind {
    /// Every check, in order.
    pub const ALL: [Self; 8] = [
        Self::Coverage,
        Self::Identity,
        Self::Schedule,
        Self::Windows,
        Self::Tail,
        Self::Drift,
        Self::Spikes,
        Self::NormFactor,
    ];
}

/// What a finding says, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The check could have failed and did not.
    Pass,
    /// Nothing is decided by it: the reader should know.
    Note,
    /// The logs hold too little to decide.
    Inconclusive,
    /// The runs differ.
    Fail,
}

/// What one check found about one meter and window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The check.
    pub check: CheckKind,
    /// What it says.
    pub status: Status,
    /// The meter, if it is about one.
    pub meter: Option<String>,
    /// The window, if it is about one.
    pub window: Option<Window>,
    /// The figures.
    pub detail: Detail,
}

/// Iterations from `from` on and below `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// The first iteration.
    pub from: u64,
    /// The first iteration behind it.
    pub to: u64,
}

impl Window {
    /// Whether an iteration is in it.
    pub fn contains(&self, iteration: u64) -> bool {
        (self.from..self.to).contains(&iteration)
    }
}

/// How much two logs have in common.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Common {
    /// Logged iterations of the candidate.
    pub candidate: u64,
    /// Logged iterations that are expected: those of the other run, as far as the comparison goes.
    pub expected: u64,
    /// Iterations of both.
    pub both: u64,
    /// The first and the last of them.
    pub first: Option<u64>,
    /// See [`Common::first`].
    pub last: Option<u64>,
}

impl Common {
    /// The part of the expected iterations that both have.
    pub fn share(&self) -> f64 {
        if self.expected == 0 { 0.0 } else { self.both as f64 / self.expected as f64 }
    }
}

/// What the statistics of a verdict rest on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "basis")]
pub enum Basis {
    /// Further runs of the same recipe.
    Runs {
        /// The number of runs over the whole length, the one that the candidate is held against among them.
        runs: usize,
        /// In what they differ.
        kind: SpreadKind,
        /// What the tail could have shown.
        power: Option<Power>,
    },
    /// The two logs alone: blocks of their difference. How far two correct runs wander from each other over more than a
    /// block is unknown, and counts as a difference.
    OwnWindows {
        /// What the tail could have shown.
        power: Option<Power>,
    },
    /// One value of each run, and no spread.
    Nothing,
}

/// What the tail of a log could have shown of the total loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Power {
    /// The smallest constant shift that is found in 9 runs of 10, relative to the loss.
    pub smallest_shift: f64,
    /// How many times larger this is than it would be if the spread were known exactly.
    pub weaker: f64,
    /// Degrees of freedom of the spread.
    pub freedom: f64,
}

/// The first place where two runs part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Iterations {
    /// How many.
    pub count: u64,
    /// The first ones.
    pub first: Vec<u64>,
}

/// A ratio between norms of gradients that a number of ranks explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankFactor {
    /// 1/N: the candidate averages gradients over N ranks where the other run sums them. Newer commits of the reference
    /// average; the pinned one sums.
    Averaged(u32),
    /// N: the candidate sums where the other run averages.
    Summed(u32),
}

/// What a log cannot show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unseen {
    /// The teacher's temperature has no column: a wrong one shows in the losses alone.
    TeacherTemperature,
    /// The values are medians: a spike of fewer steps than half their window hardly moves them.
    ShortSpikes {
        /// Half a window, in steps.
        steps: u64,
    },
}

/// How many runs would show equivalence, at most how far apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Need {
    /// Further runs of the other side.
    pub runs: usize,
    /// The largest standard deviation between them at which the same two numbers would be equivalent; `None` if they
    /// would not be at any.
    pub largest_spread: Option<f64>,
}

/// The figures of a finding. Differences and slopes of [`crate::meters::MeterKind::GradientNorm`] are of natural
/// logarithms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Detail {
    /// Coverage: how much both have ([`Verdict::common`]).
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

/// The number of a finding that a table shows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
    /// Its limit, in the same unit.
    pub limit: Option<f64>,
    /// Its p-value, with the correction for the number of tests where there is one.
    pub p: Option<f64>,
    /// Its interval, in the same unit.
    pub interval: Option<(f64, f64)>,
}

/// The unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A count of iterations or steps.
    Steps,
    /// A part of a whole.
    Share,
    /// Standard errors or deviations.
    Deviations,
    /// The unit of the meter; natural logarithms for norms.
    Meter,
    /// A ratio.
    Factor,
}

impl Finding {
    /// The number that a table shows; `None` where there is none.
    pub fn figure(&self) -> Option<Figure> {
        let plain = |value, unit| Figure { value, unit, limit: None, p: None, interval: None };
        Some(match &self.detail {
            Detail::Covered(common) => Figure { limit: Some(1.0), ..plain(common.share(), Unit::Share) },
            Detail::Missing(its) | Detail::Repeated(its) | Detail::OutOfOrder(its) | Detail::Restarted(its) => {
                plain(its.count as f64, Unit::Steps)
            }
            Detail::Truncated { last, expected } => {
                let steps = last.map_or(0.0, |last| last as f64);
                Figure { limit: Some(*expected as f64), ..plain(steps, Unit::Steps) }
            }
            Detail::BeginsLate { first: value, expected } | Detail::Longer { last: value, expected } => {
                Figure { limit: Some(*expected as f64), ..plain(*value as f64, Unit::Steps) }
            }
            Detail::NotFinite { nan, infinite, .. } => plain((nan + infinite) as f64, Unit::Steps),
            Detail::Prefix { steps, of, .. } => Figure { limit: Some(*of as f64), ..plain(*steps as f64, Unit::Steps) },
            Detail::Column { differing, .. } => Figure { limit: Some(0.0), ..plain(*differing as f64, Unit::Steps) },
            Detail::Deviation { deviation, limit, adjusted, .. } => {
                Figure { limit: Some(*limit), p: Some(*adjusted), ..plain(*deviation, Unit::Deviations) }
            }
            Detail::Equivalence { difference, lower, upper, margin, p, .. } => Figure {
                limit: Some(*margin),
                p: Some(*p),
                interval: Some((*lower, *upper)),
                ..plain(*difference, Unit::Meter)
            },
            Detail::Slope { change, lower, upper, adjusted, .. } => {
                Figure { p: Some(*adjusted), interval: Some((*lower, *upper)), ..plain(*change, Unit::Meter) }
            }
            Detail::Spike { largest, limit, .. } => {
                Figure { limit: Some(*limit), ..plain(*largest, Unit::Deviations) }
            }
            Detail::Factor { factor, lower, upper, p, limit, .. } => Figure {
                limit: Some(*limit),
                p: Some(*p),
                interval: Some((*lower, *upper)),
                ..plain(*factor, Unit::Factor)
            },
            Detail::TooFew { have, need } => Figure { limit: Some(*need as f64), ..plain(*have as f64, Unit::Steps) },
            Detail::TwoNumbers { difference, margin, .. } => {
                Figure { limit: Some(*margin), ..plain(*difference, Unit::Meter) }
            }
            Detail::Horizon { .. }
            | Detail::Cadence { .. }
            | Detail::MeterMissing
            | Detail::MeterUnknown
            | Detail::Rounded(_)
            | Detail::Unseen(_) => return None,
        })
    }
}
