//! Why a figure of speed is not to be trusted.

mod modes;
mod trend;

use serde::{Deserialize, Serialize};

use super::steps::{middle, quantile, split};
use super::{Cadence, Stretch};
use crate::limits::Limit;
use modes::Modes;

/// What makes a figure untrusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Too few steps to tell.
    Few,
    /// Steps become slower, or faster, all the time.
    Drift,
    /// Steps are slower, or faster, from some step on.
    Jump,
    /// Steps are of two kinds, which alternate.
    Bimodal,
    /// A few steps take much of the time.
    Outliers,
    /// The loop waits for data.
    Starved,
    /// The clock of the processor or device is lower than it could be.
    Throttled,
    /// Other processes compute on the machine.
    Busy,
}

impl Flag {
    /// Every flag, in order.
    pub const ALL: [Self; 8] =
        [Self::Few, Self::Drift, Self::Jump, Self::Bimodal, Self::Outliers, Self::Starved, Self::Throttled, Self::Busy];

    /// The name on the command line and in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Few => "few",
            Self::Drift => "drift",
            Self::Jump => "jump",
            Self::Bimodal => "bimodal",
            Self::Outliers => "outliers",
            Self::Starved => "starved",
            Self::Throttled => "throttled",
            Self::Busy => "busy",
        }
    }

    /// The flag of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.name() == name)
    }
}

/// A flag that was raised, with what raised it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Doubt {
    /// The flag.
    pub flag: Flag,
    /// The figure: for [`Flag::Few`] the number of times; for [`Flag::Drift`] and [`Flag::Jump`] the change over the run,
    /// relative to the median, positive where steps become slower; for [`Flag::Bimodal`] the distance of both kinds,
    /// relative to the median; for the others a share: of the time, of the clock, of the machine's cores.
    pub value: f64,
    /// Its limit.
    pub limit: f64,
    /// The first step of it, where there is one.
    pub at: Option<u64>,
}

/// Readings of a clock during a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Clock {
    /// Frequencies in order, in MHz.
    pub readings: Vec<f64>,
    /// The frequency below which the clock does not fall by itself (the base frequency), in MHz.
    pub base: Option<f64>,
    /// How often the system has noted a throttled clock during the run.
    pub events: Option<u64>,
}

/// The load of a machine during a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Its cores.
    pub cores: f64,
    /// How many of them others have used, in the mean.
    pub others: f64,
}

/// What is known about a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// Its times, the ones that do not count among them.
    pub stretches: &'a [Stretch],
    /// Its clock, where it can be read.
    pub clock: Option<&'a Clock>,
    /// The machine, where it can be read.
    pub machine: Option<Machine>,
}

/// All doubts about a run, in the order of [`Flag::ALL`]. Steps that do not count by `cadence` raise none.
pub fn doubts(evidence: &Evidence<'_>, cadence: &Cadence) -> Vec<Doubt> {
    let (kept, _) = split(evidence.stretches, cadence);
    let times: Vec<f64> = kept.iter().map(|stretch| stretch.seconds).collect();
    let mut sorted = times.clone();
    sorted.sort_by(f64::total_cmp);
    let median = quantile(&sorted, 0.5);
    let mut doubts = Vec::new();
    let need = Limit::FewestTimes.value();
    if (times.len() as f64) < need {
        doubts.push(Doubt { flag: Flag::Few, value: times.len() as f64, limit: need, at: None });
    } else {
        let first = |at: usize| kept.get(at).map(|stretch| stretch.first);
        let trend = trend::of(&times, median).map(|trend| Doubt { at: trend.place.and_then(first), ..trend.doubt });
        let two = modes::of(&sorted, median);
        // Two kinds of steps one after the other are a jump, whatever the noise of either is.
        let trend = trend
            .filter(|doubt| doubt.flag == Flag::Jump)
            .or_else(|| jump(&times, median, two.as_ref()?, first))
            .or(trend);
        let jumps = trend.is_some_and(|doubt| doubt.flag == Flag::Jump);
        doubts.extend(trend);
        // The slow kind of steps is no outlier.
        let one_kind = !jumps && two.is_none();
        doubts.extend(two.map(|two| two.doubt).filter(|_| !jumps));
        doubts.extend(outliers(&kept, &sorted, median).filter(|_| one_kind));
    }
    doubts.extend(starved(&kept));
    doubts.extend(evidence.clock.and_then(throttled));
    doubts.extend(evidence.machine.and_then(busy));
    doubts
}

/// A jump from one of two kinds of steps to the other, if nearly all of the one stand before some place and nearly all of the other behind it.
fn jump(times: &[f64], median: f64, two: &Modes, first: impl Fn(usize) -> Option<u64>) -> Option<Doubt> {
    let slow: Vec<bool> = times.iter().map(|time| *time >= two.border).collect();
    let all_slow = slow.iter().filter(|slow| **slow).count() as f64;
    let all_fast = times.len() as f64 - all_slow;
    let (mut fast_before, mut slow_before) = (0.0, 0.0);
    let (mut ordered, mut place) = (0.0_f64, 0);
    for (at, slow) in slow.iter().enumerate() {
        *(if *slow { &mut slow_before } else { &mut fast_before }) += 1.0;
        let (fast, slow) = (fast_before / all_fast, slow_before / all_slow);
        let here = fast.min(1.0 - slow).max(slow.min(1.0 - fast));
        if here > ordered {
            (ordered, place) = (here, at + 1);
        }
    }
    let (before, behind) = times.split_at(place);
    let value = (middle(behind) - middle(before)) / median;
    let doubt = Doubt { flag: Flag::Jump, value, limit: Limit::TrendSize.value(), at: first(place) };
    (ordered >= Limit::JumpOrder.value()).then_some(doubt)
}

fn beyond(flag: Flag, value: f64, limit: Limit) -> Option<Doubt> {
    let limit = limit.value();
    (value > limit).then_some(Doubt { flag, value, limit, at: None })
}

/// The time of slow steps beyond the median's, as a share of all time.
fn outliers(kept: &[Stretch], sorted: &[f64], median: f64) -> Option<Doubt> {
    let slow = median + (Limit::OutlierWidth.value() * width(sorted, median)).max(Limit::OutlierSize.value() * median);
    let slow = |stretch: &&Stretch| stretch.seconds > slow;
    let lost: f64 = kept.iter().filter(slow).map(|stretch| (stretch.seconds - median) * stretch.steps() as f64).sum();
    let all: f64 = kept.iter().map(|stretch| stretch.seconds * stretch.steps() as f64).sum();
    let at = kept.iter().find(slow).map(|stretch| stretch.first);
    beyond(Flag::Outliers, lost / all, Limit::OutlierTime).map(|doubt| Doubt { at, ..doubt })
}

/// The standard deviation of a normal distribution with this median deviation from the median.
fn width(sorted: &[f64], median: f64) -> f64 {
    let far: Vec<f64> = sorted.iter().map(|value| (value - median).abs()).collect();
    1.4826 * middle(&far)
}

fn starved(kept: &[Stretch]) -> Option<Doubt> {
    let known = || kept.iter().filter_map(|stretch| Some((stretch, stretch.waited?)));
    let waited: f64 = known().map(|(stretch, waited)| waited * stretch.steps() as f64).sum();
    let all: f64 = known().map(|(stretch, _)| stretch.seconds * stretch.steps() as f64).sum();
    beyond(Flag::Starved, waited / all, Limit::StarvedShare)
}

fn throttled(clock: &Clock) -> Option<Doubt> {
    let quarter = clock.readings.len().div_ceil(4);
    let (early, late) = (&clock.readings[..quarter], &clock.readings[clock.readings.len() - quarter..]);
    let full = clock.base.unwrap_or_else(|| middle(early));
    let lost = 1.0 - middle(late) / full;
    let noted = clock.events.is_some_and(|events| events > 0);
    let limit = Limit::ClockLoss.value();
    (noted || lost > limit).then_some(Doubt { flag: Flag::Throttled, value: lost.max(0.0), limit, at: None })
}

fn busy(machine: Machine) -> Option<Doubt> {
    beyond(Flag::Busy, machine.others / machine.cores, Limit::BusyShare)
}
