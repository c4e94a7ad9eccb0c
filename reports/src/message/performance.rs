//! What is said of the speed of a training.

use super::vocabulary::words;
use super::{Message, Pen, Say};
use crate::{Float, number};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

words! {
    /// Why a step does not count for the speed.
    pub Special {
        /// One of the first.
        WarmUp: "warm-up", "预热";
        /// The teacher is exported.
        Evaluation: "export for evaluation", "评测导出";
        /// The state is saved.
        Checkpoint: "checkpoint", "检查点";
        /// The reference collects Python's garbage.
        Collection: "garbage collection of the reference", "标杆的垃圾回收";
    }
}

/// A sentence about the speed of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Performance {
    /// The title of a check.
    Title {
        /// What is measured.
        run: String,
    },
    /// The title of a section.
    Part {
        /// The section.
        part: Message,
        /// What is measured.
        run: String,
    },
    /// The summary of a check.
    Speed {
        /// Images a second at the median step.
        fps: Float,
        /// Its interval.
        interval: (Float, Float),
        /// The published figure, as it is printed.
        script: Option<String>,
    },
    /// Doubts that are not allowed.
    Untrusted {
        /// Their names.
        flags: Vec<String>,
    },
    /// The parts of a step are not all of it.
    DoesNotAddUp {
        /// How far, relative to the step.
        error: Float,
    },
    /// Too few steps.
    Few {
        /// That count.
        have: u64,
        /// That are needed.
        need: u64,
    },
    /// Steps change all the time.
    Drift {
        /// Over the run, relative to the median.
        change: Float,
        /// The limit.
        limit: Float,
    },
    /// Steps change at one place.
    Jump {
        /// Relative to the median.
        change: Float,
        /// The limit.
        limit: Float,
        /// The first step behind it.
        at: Option<u64>,
    },
    /// Steps of two kinds.
    Bimodal {
        /// The distance of both, relative to the median.
        distance: Float,
        /// The limit.
        limit: Float,
    },
    /// Slow steps.
    Outliers {
        /// The share of all time that they take beyond the median.
        share: Float,
        /// The limit.
        limit: Float,
        /// The first one.
        at: Option<u64>,
    },
    /// The loop waits for data.
    Starved {
        /// The share of the time.
        share: Float,
        /// The limit.
        limit: Float,
    },
    /// The clock is lower than it could be.
    Throttled {
        /// The share of it that is lost.
        lost: Float,
        /// The limit.
        limit: Float,
    },
    /// Others compute on the machine.
    Busy {
        /// The share of the cores that they use.
        share: Float,
        /// The limit.
        limit: Float,
    },
    /// A doubt was allowed.
    Allowed {
        /// Its name.
        flag: String,
    },
    /// How a doubt is allowed.
    HowToAllow {
        /// Its name.
        flag: String,
    },
    /// The phases were timed with the device waited for.
    Synchronised {
        /// In so many steps.
        steps: usize,
    },
    /// What the published figure covers, and why it differs.
    Window {
        /// Lines of the log.
        lines: u64,
        /// The first and the last step.
        span: (u64, u64),
        /// The published figure.
        script: Float,
        /// The median.
        honest: Float,
        /// What steps in it do beside training, and the last such step.
        special: Vec<(Special, u64)>,
        /// Seconds that the last such step would have to take beyond the median to make the whole difference.
        extra: Option<Float>,
        /// Those that it took.
        #[serde(default)]
        took: Option<Float>,
    },
}

fn percent(share: Float) -> String {
    format!("{:.1}", 100.0 * share.0)
}

fn figure(value: Float) -> String {
    number::figure(value.0)
}

impl Say for Performance {
    fn en(&self, pen: Pen) -> String {
        use Performance as P;
        match self {
            P::Title { run } => format!("{}: how fast, and whether that can be trusted", pen.name(run)),
            P::Part { part, run } => format!("{}: {}", pen.name(run), part.en(pen)),
            P::Speed { fps, interval: (low, high), script } => {
                let script = script.as_ref().map_or(String::new(), |fps| format!("; {fps} by the published formula"));
                format!("{} images/s ({} to {}){script}", figure(*fps), figure(*low), figure(*high))
            }
            P::Untrusted { flags } => format!("the figures are not to be trusted: {}", pen.names(flags, ", ")),
            P::DoesNotAddUp { error } => {
                format!("the parts of a step are {} % off the step by the loop's own clock", percent(*error))
            }
            P::Few { have, need } => {
                format!("{have} steps count, and fewer than {need} show neither a drift nor a jump")
            }
            P::Drift { change, limit } => {
                format!("steps change by {} % over the run all the time, limit {} %", percent(*change), percent(*limit))
            }
            P::Jump { change, limit, at } => {
                let at = at.map_or(String::new(), |at| format!(" from step {at} on"));
                format!("steps change by {} %{at}, limit {} %", percent(*change), percent(*limit))
            }
            P::Bimodal { distance, limit } => {
                format!("steps are of two kinds, {} % apart, limit {} %", percent(*distance), percent(*limit))
            }
            P::Outliers { share, limit, at } => {
                let at = at.map_or(String::new(), |at| format!(", the first one step {at}"));
                format!(
                    "{} % of the time goes into slow steps beyond the median{at}; limit {} %",
                    percent(*share),
                    percent(*limit)
                )
            }
            P::Starved { share, limit } => {
                format!("the loop waits for data in {} % of the time, limit {} %", percent(*share), percent(*limit))
            }
            P::Throttled { lost, limit } => {
                format!(
                    "the clock has lost {} %, limit {} %, or the system has noted that it was throttled",
                    percent(*lost),
                    percent(*limit)
                )
            }
            P::Busy { share, limit } => {
                format!("others used {} % of the machine's cores, limit {} %", percent(*share), percent(*limit))
            }
            P::Allowed { flag } => format!("allowed by {}", pen.name(&format!("--allow {flag}"))),
            P::HowToAllow { flag } => format!("{} lets it pass", pen.name(&format!("--allow {flag}"))),
            P::Synchronised { steps } => format!(
                "the device was waited for at the end of each phase, in {steps} steps of the warm-up; no other figure has these steps"
            ),
            P::Window { .. } => window_en(self),
        }
    }

    fn zh(&self, pen: Pen) -> String {
        use Performance as P;
        match self {
            P::Title { run } => format!("{}：速度及其可信度", pen.name(run)),
            P::Part { part, run } => format!("{}：{}", pen.name(run), part.zh(pen)),
            P::Speed { fps, interval: (low, high), script } => {
                let script = script.as_ref().map_or(String::new(), |fps| format!("；公开脚本公式为 {fps}"));
                format!("{} 图/秒（{} 至 {}）{script}", figure(*fps), figure(*low), figure(*high))
            }
            P::Untrusted { flags } => format!("速度数据不可信：{}", pen.names(flags, "、")),
            P::DoesNotAddUp { error } => format!("各分项之和与循环自身计时相差 {}%", percent(*error)),
            P::Few { have, need } => format!("计入 {have} 步，少于 {need} 步时无法发现漂移或跳变"),
            P::Drift { change, limit } => {
                format!("单步耗时在运行中持续变化 {}%，阈值 {}%", percent(*change), percent(*limit))
            }
            P::Jump { change, limit, at } => {
                let at = at.map_or(String::new(), |at| format!("自第 {at} 步起"));
                format!("单步耗时{at}变化 {}%，阈值 {}%", percent(*change), percent(*limit))
            }
            P::Bimodal { distance, limit } => {
                format!("单步耗时呈双峰分布，两峰相距 {}%，阈值 {}%", percent(*distance), percent(*limit))
            }
            P::Outliers { share, limit, at } => {
                let at = at.map_or(String::new(), |at| format!("，首个为第 {at} 步"));
                format!("{}% 的时间耗于超出中位数的慢步{at}；阈值 {}%", percent(*share), percent(*limit))
            }
            P::Starved { share, limit } => format!("{}% 的时间在等待数据，阈值 {}%", percent(*share), percent(*limit)),
            P::Throttled { lost, limit } => {
                format!("主频下降 {}%（阈值 {}%），或系统记录到降频", percent(*lost), percent(*limit))
            }
            P::Busy { share, limit } => {
                format!("其他进程占用了 {}% 的处理器核，阈值 {}%", percent(*share), percent(*limit))
            }
            P::Allowed { flag } => format!("已由 {} 放行", pen.name(&format!("--allow {flag}"))),
            P::HowToAllow { flag } => format!("如需放行，使用 {}", pen.name(&format!("--allow {flag}"))),
            P::Synchronised { steps } => {
                format!("在预热阶段的 {steps} 步中，各阶段结束时均等待设备完成；其他指标不含这些步")
            }
            P::Window { .. } => window_zh(self),
        }
    }
}

fn window_en(says: &Performance) -> String {
    let Performance::Window { lines, span: (first, last), script, honest, special, extra, took } = says else {
        return String::new();
    };
    let within: Vec<String> =
        special.iter().map(|(what, step)| format!("{} at step {step}", what.en(Pen::Plain))).collect();
    let within = match within.is_empty() {
        true => "none of them does more than train".to_owned(),
        false => format!("among them {}", within.join(", ")),
    };
    let extra = match took.zip(*extra) {
        Some((took, needed)) => format!(
            "; the last of these took {} s more than the median step, and {} s more would be the whole difference",
            figure(took),
            figure(needed)
        ),
        None if special.is_empty() => "; one is a mean of few steps, the other a median of many".to_owned(),
        None => String::new(),
    };
    format!(
        "the published formula reads the last {lines} lines of the log, which cover steps {first} to {last}, {within}: {} images/s, against {} at the median of all steps that count{extra}",
        figure(*script),
        figure(*honest)
    )
}

fn window_zh(says: &Performance) -> String {
    let Performance::Window { lines, span: (first, last), script, honest, special, extra, took } = says else {
        return String::new();
    };
    let within: Vec<String> =
        special.iter().map(|(what, step)| format!("第 {step} 步的{}", what.zh(Pen::Plain))).collect();
    let within = match within.is_empty() {
        true => "其中各步均只做训练".to_owned(),
        false => format!("其中包含{}", within.join("、")),
    };
    let extra = match took.zip(*extra) {
        Some((took, needed)) => {
            format!("；其中最后一步比中位数步多用 {} 秒，多用 {} 秒即可解释全部差异", figure(took), figure(needed))
        }
        None if special.is_empty() => "；前者是少数步的均值，后者是多数步的中位数".to_owned(),
        None => String::new(),
    };
    format!(
        "公开脚本公式取日志最后 {lines} 行，覆盖第 {first} 至 {last} 步，{within}：{} 图/秒；按全部计入步的中位数为 {} 图/秒{extra}",
        figure(*script),
        figure(*honest)
    )
}
