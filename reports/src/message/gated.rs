//! What is said of a run that is held against one that was accepted before, and of many runs in a row.

use super::{Pen, Say};
use crate::{Float, number};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A sentence about a run and its baseline, or about runs in a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gated {
    /// The title of a check.
    Rule {
        /// The rule, as it was typed.
        rule: String,
        /// What it is about: the id of a check, or a suite.
        about: String,
    },
    /// A figure, and its limit.
    Figure {
        /// The figure.
        value: Float,
        /// The limit.
        limit: Float,
        /// The baseline's figure, of a relative rule.
        base: Option<Float>,
    },
    /// A speed beside the baseline's.
    Speed {
        /// The ratio.
        ratio: Float,
        /// The smallest that passes.
        smallest: Float,
        /// The noise of the ratio, one standard error.
        error: Float,
        /// The ratio that is to be found.
        loss: Float,
        /// The probability with which it would have been.
        power: Float,
        /// How many runs were accepted.
        #[serde(default)]
        runs: Option<u64>,
        /// How far they are from each other; unknown of few.
        #[serde(default)]
        spread: Option<Float>,
    },
    /// The noise hides the loss that is to be found.
    TooNoisy {
        /// The ratio that is to be found.
        loss: Float,
        /// The probability with which it would have been.
        power: Float,
        /// Steps that were measured.
        steps: Option<u64>,
        /// How many would do.
        needed: Option<u64>,
        /// How many times as many that is; infinite where no number of steps would do.
        times: Float,
        /// How many runs were accepted.
        #[serde(default)]
        runs: Option<u64>,
        /// How many would do, where more of them help.
        #[serde(default)]
        runs_needed: Option<u64>,
    },
    /// A figure is missing.
    NoFigure {
        /// Its key.
        key: String,
        /// It is the baseline that lacks it.
        of_baseline: bool,
    },
    /// A suite or group did not run.
    DidNotRun {
        /// Its name.
        name: String,
    },
    /// A suite or group passes, or does not.
    Suites {
        /// Checks that pass.
        passed: usize,
        /// Checks of them all that count.
        of: usize,
    },
    /// Why the baseline was accepted.
    Because {
        /// The reason, in somebody's words.
        reason: String,
        /// How many runs the baseline holds.
        runs: usize,
    },
    /// The title of a trend.
    Trend {
        /// The figure.
        figure: String,
        /// The check.
        check: String,
    },
    /// How many runs a trend has, and where it changes.
    Changes {
        /// Runs.
        runs: usize,
        /// The runs at which it changes.
        at: Vec<String>,
    },
    /// A change of a trend.
    Change {
        /// The first run behind it.
        run: String,
        /// The median before it.
        before: Float,
        /// The median behind it.
        after: Float,
    },
    /// Too few runs for a trend.
    FewRuns {
        /// There are.
        runs: usize,
    },
    /// The horizontal axis of a trend.
    Runs,
}

fn relative(change: f64) -> String {
    format!("{:+.2} %", 100.0 * change)
}

impl Say for Gated {
    fn en(&self, pen: Pen) -> String {
        let figure = |value: &Float| number::figure(value.0);
        match self {
            Self::Rule { rule, about } => format!("{} of {}", pen.name(rule), pen.name(about)),
            Self::Figure { value, limit, base } => {
                let base =
                    base.as_ref().map_or_else(String::new, |base| format!("; the baseline has {}", figure(base)));
                format!("{}, limit {}{base}", figure(value), figure(limit))
            }
            Self::Speed { ratio, smallest, error, loss, power, runs, spread } => {
                let runs = match (runs, spread) {
                    (Some(runs), Some(spread)) => {
                        format!(" ({runs} accepted runs are {:.2} % apart)", 100.0 * spread.0)
                    }
                    (Some(_), None) => {
                        " within a run (between runs it is known from three accepted ones on)".to_owned()
                    }
                    (None, _) => String::new(),
                };
                format!(
                    "{:.4} of the baseline's speed, at least {:.4} is asked; noise {:.2} %{runs}, so a ratio of {} is found in {:.0} % of runs",
                    ratio.0,
                    smallest.0,
                    100.0 * error.0,
                    figure(loss),
                    100.0 * power.0
                )
            }
            Self::TooNoisy { loss, power, steps, needed, times, runs, runs_needed } => {
                let more = steps.zip(*needed).map(|(steps, needed)| format!("{needed} steps in place of {steps}"));
                let more = more.or_else(|| times.0.is_finite().then(|| format!("{:.1} times as many steps", times.0)));
                let runs =
                    runs.zip(*runs_needed).map(|(runs, needed)| format!("{needed} accepted runs in place of {runs}"));
                let ways: Vec<String> = more.into_iter().chain(runs).collect();
                let ways = match ways.is_empty() {
                    true => "runs are so far apart that neither more steps nor more accepted runs would do".to_owned(),
                    false => format!("{} would do", ways.join(", or ")),
                };
                format!(
                    "the noise hides a ratio of {}: it would be found in {:.0} % of runs alone; {ways}",
                    figure(loss),
                    100.0 * power.0
                )
            }
            Self::NoFigure { key, of_baseline: true } => format!("the baseline has no figure {}", pen.name(key)),
            Self::NoFigure { key, of_baseline: false } => format!("the run has no figure {}", pen.name(key)),
            Self::DidNotRun { name } => format!("{} did not run", pen.name(name)),
            Self::Suites { passed, of } => format!("{passed} of {of} checks pass"),
            Self::Because { reason, runs } => {
                format!("accepted because: {}; run {runs} of the baseline", pen.text(reason))
            }
            Self::Trend { figure, check } => format!("{} of {}", pen.name(figure), pen.name(check)),
            Self::Changes { runs, at } if at.is_empty() => format!("{runs} runs, no change"),
            Self::Changes { runs, at } => format!("{runs} runs, changes at {}", pen.names(at, ", ")),
            Self::Change { run, before, after } => format!(
                "{}: {} to {} ({})",
                pen.name(run),
                figure(before),
                figure(after),
                relative(after.0 / before.0 - 1.0)
            ),
            Self::FewRuns { runs } => format!("{runs} runs are too few for a trend"),
            Self::Runs => "runs, in the order in which they began".to_owned(),
        }
    }

    fn zh(&self, pen: Pen) -> String {
        let figure = |value: &Float| number::figure(value.0);
        match self {
            Self::Rule { rule, about } => format!("{}：{}", pen.name(about), pen.name(rule)),
            Self::Figure { value, limit, base } => {
                let base = base.as_ref().map_or_else(String::new, |base| format!("；基线为 {}", figure(base)));
                format!("{}，阈值 {}{base}", figure(value), figure(limit))
            }
            Self::Speed { ratio, smallest, error, loss, power, runs, spread } => {
                let runs = match (runs, spread) {
                    (Some(runs), Some(spread)) => {
                        format!("（{runs} 次已接受运行之间相差 {:.2}%）", 100.0 * spread.0)
                    }
                    (Some(_), None) => "（仅单次运行内部；接受三次以上才知道运行之间的噪声）".to_owned(),
                    (None, _) => String::new(),
                };
                format!(
                    "速度为基线的 {:.4}，要求不低于 {:.4}；噪声 {:.2}%{runs}，比值 {} 的退化可在 {:.0}% 的运行中检出",
                    ratio.0,
                    smallest.0,
                    100.0 * error.0,
                    figure(loss),
                    100.0 * power.0
                )
            }
            Self::TooNoisy { loss, power, steps, needed, times, runs, runs_needed } => {
                let more = steps.zip(*needed).map(|(steps, needed)| format!("需 {needed} 步（本次 {steps} 步）"));
                let more = more.or_else(|| times.0.is_finite().then(|| format!("步数增至 {:.1} 倍即可", times.0)));
                let runs =
                    runs.zip(*runs_needed).map(|(runs, needed)| format!("需接受 {needed} 次运行（现有 {runs} 次）"));
                let ways: Vec<String> = more.into_iter().chain(runs).collect();
                let ways = match ways.is_empty() {
                    true => "各次运行相差过大，增加步数或接受更多运行均无济于事".to_owned(),
                    false => ways.join("，或"),
                };
                format!("噪声掩盖了比值 {} 的退化：仅能在 {:.0}% 的运行中检出；{ways}", figure(loss), 100.0 * power.0)
            }
            Self::NoFigure { key, of_baseline: true } => format!("基线中没有指标 {}", pen.name(key)),
            Self::NoFigure { key, of_baseline: false } => format!("本次运行没有指标 {}", pen.name(key)),
            Self::DidNotRun { name } => format!("{} 未执行", pen.name(name)),
            Self::Suites { passed, of } => format!("{of} 个用例中 {passed} 个通过"),
            Self::Because { reason, runs } => format!("接受理由：{}；基线中的第 {runs} 次运行", pen.text(reason)),
            Self::Trend { figure, check } => format!("{} 的 {}", pen.name(check), pen.name(figure)),
            Self::Changes { runs, at } if at.is_empty() => format!("{runs} 次运行，无变化"),
            Self::Changes { runs, at } => format!("{runs} 次运行，变化点：{}", pen.names(at, "、")),
            Self::Change { run, before, after } => format!(
                "{}：{} → {}（{}）",
                pen.name(run),
                figure(before),
                figure(after),
                relative(after.0 / before.0 - 1.0)
            ),
            Self::FewRuns { runs } => format!("{runs} 次运行不足以判断趋势"),
            Self::Runs => "运行（按开始时间排序）".to_owned(),
        }
    }
}
