//! What is said of a whole training run that is held against another one.

mod en;
mod zh;

use super::vocabulary::words;
use super::{Pen, Say};
use crate::Float;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

words! {
    /// A check of a training run.
    pub RunCheck {
        /// Which steps and meters there are.
        Coverage: "the log has every step, and numbers in it", "日志覆盖全部步数且数值有效";
        /// Bits of losses.
        Identity: "every loss is the reference's, bit for bit", "各步损失与标杆二进制一致";
        /// Bits of weights, moments and random stream.
        States: "weights, moments and random stream are the reference's, bit for bit", "权重、优化器矩与随机流与标杆二进制一致";
        /// Learning rate, weight decay, momentum.
        Schedule: "learning rate, weight decay and momentum follow the schedule", "学习率、权重衰减与动量符合调度";
        /// Means over windows of steps.
        Windows: "every loss stays within the spread of correct runs", "各项损失始终处于正确运行的波动范围内";
        /// The end of the run.
        Tail: "the end of the run is equivalent within the margin", "末段损失在等效界值内等效";
        /// A slope of the difference.
        Drift: "no loss drifts away", "损失无漂移";
        /// A few steps that stand out.
        Spikes: "no steps stand out", "无异常尖峰";
        /// A constant factor of gradients.
        NormFactor: "norms of gradients have no constant factor", "梯度范数无恒定倍数";
    }
}

words! {
    /// Fixed words of a trajectory's tables and plots.
    pub RunWord {
        /// A step.
        Step: "step", "步数";
        /// The loss, averaged over a window.
        Smoothed: "loss, smoothed", "损失（平滑后）";
        /// The run that is judged.
        Candidate: "judged run", "待测运行";
        /// The run that it is held against.
        Against: "reference", "标杆";
        /// What correct runs spread over.
        Spread: "spread of correct runs", "正确运行的波动范围";
        /// The title of the table of limits.
        Windows: "Steps", "步数区间";
        /// A meter of the log.
        Meter: "loss", "指标";
        /// What a check is about.
        Check: "check", "检验项";
        /// A deviation.
        Value: "measured", "实测";
        /// A probability.
        P: "p", "p 值";
    }
}

/// Iterations: how many, and the first few.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Steps {
    /// How many.
    pub count: u64,
    /// The first ones.
    pub first: Vec<u64>,
}

/// Where two runs part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Parted {
    /// The iteration.
    pub iteration: u64,
    /// The meter.
    pub meter: String,
    /// The judged run's value.
    pub candidate: Float,
    /// The other run's.
    pub against: Float,
}

/// What a comparison rests on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Further runs.
    Runs {
        /// How many, the other run among them.
        runs: usize,
    },
    /// The two logs alone.
    OwnWindows,
    /// A number each.
    Nothing,
}

/// A sentence about a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trajectory {
    /// The title of a check.
    Title {
        /// The check.
        check: RunCheck,
        /// The judged run.
        run: String,
    },
    /// The title of the table of all findings.
    Findings {
        /// The judged run.
        run: String,
    },
    /// The title of the plot of a meter.
    Plot {
        /// The meter.
        meter: String,
        /// The judged run.
        run: String,
    },
    /// Both logs have so many iterations.
    Covered {
        /// In both.
        both: u64,
        /// Expected.
        expected: u64,
        /// The first and the last one of both.
        span: Option<(u64, u64)>,
    },
    /// Iterations are missing.
    Missing(Steps),
    /// Iterations come twice.
    Repeated(Steps),
    /// Iterations come behind later ones.
    OutOfOrder(Steps),
    /// The program went on from these.
    Restarted(Steps),
    /// The log ends too early.
    Truncated {
        /// The last iteration of both.
        last: Option<u64>,
        /// The expected one.
        expected: u64,
    },
    /// The log begins too late.
    BeginsLate {
        /// The first iteration.
        first: u64,
        /// The expected one.
        expected: u64,
    },
    /// The log goes on further.
    Longer {
        /// The last iteration.
        last: u64,
        /// The expected one.
        expected: u64,
    },
    /// The whole training has another length.
    Horizon {
        /// The judged run's; none where its log does not say.
        candidate: Option<u64>,
        /// The other run's.
        against: Option<u64>,
    },
    /// Values are no numbers.
    NotFinite {
        /// NaN.
        nan: u64,
        /// Infinite.
        infinite: u64,
        /// The first one's iteration.
        first: u64,
    },
    /// A line each so many steps.
    Cadence {
        /// The judged run's.
        candidate: u64,
        /// The other run's.
        against: u64,
        /// Medians of 20 steps were taken of the judged run's values.
        medians: bool,
    },
    /// The log lacks a meter.
    MeterMissing,
    /// The log has a meter more.
    MeterUnknown,
    /// Values are rounded.
    Rounded {
        /// The digits behind the point.
        decimals: Option<u32>,
    },
    /// The teacher's temperature is in no log.
    TemperatureUnseen,
    /// Correct runs are too far apart in this norm.
    FactorUnseen {
        /// Its name.
        norm: String,
    },
    /// Medians hide spikes that are shorter.
    ShortSpikesUnseen {
        /// Than so many steps.
        steps: u64,
    },
    /// The identical prefix.
    Prefix {
        /// Identical steps.
        steps: u64,
        /// Compared ones.
        of: u64,
        /// Each step was compared, not medians alone.
        each_step: bool,
        /// Both logs have exact values.
        exact: bool,
        /// Where they part.
        parted: Option<Parted>,
    },
    /// Hashes of states.
    States {
        /// How many agree.
        same: u64,
        /// Of so many.
        of: u64,
        /// The first that does not: after which step, and which of the hashes.
        first: Option<(u64, Vec<String>)>,
    },
    /// A column of the schedule.
    Column {
        /// Iterations compared.
        compared: u64,
        /// Iterations that disagree.
        differing: u64,
        /// The first.
        parted: Option<Parted>,
        /// The median of the ratio.
        factor: Option<Float>,
    },
    /// The deviation of a stretch.
    Deviation {
        /// The judged run minus the mean of the others.
        difference: Float,
        /// In standard errors.
        deviation: Float,
        /// The largest that passes.
        limit: Float,
        /// Corrected for the number of stretches.
        p: Float,
        /// The iterations.
        window: Option<(u64, u64)>,
    },
    /// Equivalence of the end.
    Equivalence {
        /// The judged run minus the mean of the others.
        difference: Float,
        /// 90 % interval.
        interval: (Float, Float),
        /// The margin, stated beforehand.
        margin: Float,
        /// The larger p-value of the two tests.
        p: Float,
        /// The smallest margin that the log could have shown.
        smallest: Float,
        /// The mean of the other run.
        mean: Float,
    },
    /// The slope of the difference.
    Slope {
        /// The change over the run.
        change: Float,
        /// 99 % interval.
        interval: (Float, Float),
        /// Corrected for the number of meters.
        p: Float,
    },
    /// A few steps that stand out.
    Spike {
        /// In robust standard deviations.
        largest: Float,
        /// The limit.
        limit: Float,
        /// In the meter's unit.
        height: Float,
        /// Iterations.
        span: (u64, u64),
        /// How many points.
        count: u64,
    },
    /// A constant factor between norms of gradients.
    Factor {
        /// The factor.
        factor: Float,
        /// 99 % interval.
        interval: (Float, Float),
        /// The largest that passes.
        limit: Float,
        /// The number of ranks that explains it: gradients averaged where the reference sums.
        averaged: Option<u32>,
        /// The reverse.
        summed: Option<u32>,
    },
    /// Too few points.
    TooFew {
        /// There are.
        have: u64,
        /// Needed.
        need: u64,
    },
    /// Too few of the runs that the spread is measured from reach these steps.
    FewRuns,
    /// The logs have nothing for a check.
    Nothing,
    /// A number each.
    TwoNumbers {
        /// The judged run's.
        candidate: Float,
        /// The other run's.
        against: Float,
        /// The margin, stated beforehand.
        margin: Float,
        /// The largest error by rounding.
        rounding: Float,
        /// Runs, and the largest spread between them at which the two would be equivalent.
        needs: Vec<(usize, Option<Float>)>,
    },
    /// What a verdict rests on.
    Rests(Basis),
    /// What a verdict rests on could have shown.
    Power {
        /// The smallest shift found in 9 runs of 10, relative to the loss.
        shift: Float,
        /// How many times more this is than with a spread known exactly.
        weaker: Float,
    },
}

impl Say for Trajectory {
    fn en(&self, pen: Pen) -> String {
        en::sentence(self, pen)
    }

    fn zh(&self, pen: Pen) -> String {
        zh::sentence(self, pen)
    }
}

/// `17`, or `17, 18, 19 …`.
fn listed(steps: &Steps) -> String {
    let numbers: Vec<String> = steps.first.iter().map(u64::to_string).collect();
    let more = if (steps.first.len() as u64) < steps.count { " …" } else { "" };
    numbers.join(", ") + more
}

/// A number in a sentence: five digits, or an exponent.
fn number(value: Float) -> String {
    let size = value.0.abs();
    match value.0 {
        value if !value.is_finite() => format!("{value}"),
        value if size == 0.0 || (1e-3..1e6).contains(&size) => {
            let digits = if size >= 100.0 { 2 } else { 5 };
            format!("{value:.digits$}")
        }
        value => format!("{value:.2e}"),
    }
}

/// A p-value: `0.012`, `3e-7`, or `below 1e-12`.
fn p_value(p: Float) -> String {
    match p.0 {
        p if p < 1e-12 => "< 1e-12".to_owned(),
        p if p < 1e-3 => format!("{p:.0e}"),
        p => format!("{p:.3}"),
    }
}

/// All digits of a value that was logged.
fn exact(value: Float) -> String {
    match value.0.abs() {
        size if size == 0.0 || (1e-3..1e15).contains(&size) || !size.is_finite() => format!("{}", value.0),
        _ => format!("{:e}", value.0),
    }
}
