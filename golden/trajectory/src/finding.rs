//! What a comparison found, as data: no sentence stands here. [`Finding::figure`] gives the number that a table shows.

mod detail;
mod figure;

use serde::{Deserialize, Serialize};

use crate::plot::Plot;
use crate::spread::SpreadKind;

pub use detail::{Detail, Iterations, Need, Parting, RankFactor, Unseen};
pub use figure::{Figure, Unit};

/// The result of a comparison of two runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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
        /// Further runs that were given: too few for a spread.
        further: usize,
        /// What the tail could have shown.
        power: Option<Power>,
    },
    /// One value of each run, and no spread.
    Nothing,
}

/// What the tail of a log could have shown of the total loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Power {
    /// The smallest constant shift that is found in 9 runs of 10, relative to the loss.
    pub smallest_shift: f64,
    /// How many times larger this is than it would be if the spread were known exactly.
    pub weaker: f64,
    /// Degrees of freedom of the spread.
    pub freedom: f64,
}
