//! What is said of runs that are laid beside each other.

use super::vocabulary::words;
use super::{Message, Pen, Say};
use crate::{Float, number};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

words! {
    /// A fixed word of a comparison.
    pub ComparedWord {
        /// A column, and a field.
        Run: "run", "运行";
        /// A column, and a field.
        Chip: "chip", "芯片";
        /// A column, and a field.
        Cards: "cards", "卡数";
        /// A column, and a field.
        GlobalBatchSize: "global batch size", "global batch size";
        /// A column, and a field.
        MaxSteps: "max steps", "max steps";
        /// A column, and a field.
        FinalLoss: "final loss", "final loss";
        /// A column, and a field.
        Fps: "FPS", "FPS";
        /// A column, and a field.
        MedianFps: "FPS, median", "FPS（中位数）";
        /// A column, and a field.
        Ratio: "ratio", "比值";
        /// A column, and a field.
        Verdict: "accuracy", "精度结论";
        /// A column, and a field.
        Trust: "trust", "可信度";
        /// A column, and a field.
        Source: "source", "来源";
        /// The title of a section.
        Results: "Results", "结果展示";
        /// The title of a section.
        Fields: "What the fields mean", "结果字段说明";
        /// A column.
        Field: "field", "字段";
        /// A column.
        Meaning: "meaning", "说明";
        /// What a field means.
        AboutChip: "what computed", "计算所用的芯片";
        /// What a field means.
        AboutCards: "number of chips", "所用芯片数量";
        /// What a field means.
        AboutGlobalBatchSize: "images a step over all cards", "每次迭代的样本数（所有卡合计）";
        /// What a field means.
        AboutMaxSteps: "iterations", "迭代次数";
        /// What a field means.
        AboutFinalLoss: "the last logged total loss, which is the median of the last 20 steps", "训练结束时日志中的 total loss（最近 20 步的中位数）";
        /// What a field means.
        AboutFps: "images a second by the published scripts: the images of a step over the mean of the last five logged times, each of which is a mean of 20 steps", "每秒样本数，按已发布脚本计算：每步样本数除以日志最后五个 time 的均值（每个 time 为 20 步均值）";
        /// What a field means.
        AboutMedianFps: "images a second at the median step, over all steps but those of warm-up, evaluation, checkpoints and collection, with the interval of 95 of 100 repeats", "中位数步对应的每秒样本数，不含预热、评估、保存与垃圾回收步，附 95% 重复运行所在区间";
        /// What a field means.
        AboutRatio: "FPS over that of the first row. With medians on both sides, their ratio and interval; else the ratio of the scripts' figures, with what their last digit leaves open", "FPS 与第一行之比。两侧均有中位数时取中位数之比及其区间；否则取脚本值之比及末位数字的舍入范围";
        /// What a field means.
        AboutVerdict: "whether the losses follow those of the first row (suite trajectory)", "损失是否与第一行一致（trajectory 测试套的判定）";
        /// What a field means.
        AboutTrust: "what makes the speed untrusted, if anything", "速度数据是否可信，及其原因";
        /// What a field means.
        AboutSource: "where the row comes from", "数据来源";
        /// Trust.
        Trusted: "trusted", "可信";
        /// Trust.
        NotTimed: "not timed", "未计时";
        /// Trust.
        NotMeasuredHere: "published, not measured here", "公开数据，非本工具实测";
        /// Trust.
        Failed: "the run failed", "运行失败";
        /// Accuracy.
        Base: "base", "比较基准";
        /// Accuracy.
        NothingToFollow: "no losses to compare", "无可比损失";
        /// Accuracy.
        Identical: "identical", "二进制一致";
        /// Accuracy.
        Follows: "follows", "一致";
        /// Accuracy.
        Inconclusive: "not decided", "无法判定";
        /// Accuracy.
        Differs: "differs", "不一致";
        /// What measured a row.
        ByThisProgram: "measured by this program", "本程序实测";
        /// What measured a row.
        ByItsLog: "read from the run's own log", "取自该运行自身的日志";
        /// What measured a row.
        ByTheScripts: "measured by the published scripts", "由公开脚本测得";
        /// A column.
        ImagesASecond: "images/s", "每秒样本数";
        /// An axis.
        SoFar: "seconds a step", "每步耗时（秒）";
        /// A line of a plot.
        FromThereToHere: "from the base to this run, part by part", "从基准到本运行，逐阶段累计";
        /// The title of a section.
        Slips: "Footnotes to the published rows", "公开数据的脚注";
        /// The title of a section.
        Differences: "In what the port behind the published Atlas row differs from the reference's program", "公开的 Atlas 数据所用移植版与标杆程序的差异";
        /// A column.
        Remark: "remark", "说明";
        /// The title of a section.
        Window: "What the scripts' figure covers", "脚本 FPS 的统计范围";
        /// A column.
        StepsOfWindow: "steps", "步数";
        /// A column.
        InWindow: "in it", "其中包含";
        /// The title of a section.
        Excluded: "Steps that do not count", "未计入的步";
        /// A column.
        Reason: "reason", "原因";
        /// A column.
        Count: "steps", "步数";
        /// A column.
        Seconds: "seconds", "秒";
        /// Why a step does not count.
        WarmUp: "warm-up", "预热";
        /// Why a step does not count.
        Evaluation: "export for evaluation", "评估导出";
        /// Why a step does not count.
        Checkpoint: "checkpoint", "保存检查点";
        /// Why a step does not count.
        Collection: "garbage collection", "垃圾回收";
        /// The title of a section.
        Waterfall: "Where the difference goes", "差异的构成";
        /// A column.
        Phase: "part of a step", "阶段";
        /// A column.
        Here: "seconds here", "本运行（秒）";
        /// A column.
        There: "seconds there", "基准（秒）";
        /// A column.
        Longer: "longer by", "多用（秒）";
        /// A column.
        ShareOfDifference: "share of the difference", "占总差异";
        /// The title of a section.
        Scaling: "Scaling over cards", "多卡扩展性";
        /// A column.
        PerCard: "images/s a card", "单卡每秒样本数";
        /// A column.
        Efficiency: "efficiency", "线性度";
        /// What a section is.
        AboutScaling: "efficiency: images a second over those of the fewest cards, divided by how many times as many cards there are; 100 % is as fast a card", "线性度：FPS 与卡数最少的一行之比，再除以卡数之比；100% 表示单卡速度不变";
        /// What a section is.
        AboutScalingOfLogs: "efficiency: images a second over those of the fewest cards, divided by how many times as many cards there are; 100 % is as fast a card. Logs do not say what computed: these are taken for runs on cards of one kind", "线性度：FPS 与卡数最少的一行之比，再除以卡数之比；100% 表示单卡速度不变。日志未说明所用芯片，此处视为同一种卡";
        /// A row.
        OneAlone: "one rank alone, before, in the same run", "同一次运行中先行单卡独跑";
        /// A line of a plot.
        MeasuredSpeed: "measured", "实测";
        /// A line of a plot.
        IdealSpeed: "as fast a card as the fewest cards", "线性度 100%";
        /// A mark of a trend.
        Changed: "changes here", "变化点";
        /// A line of a trend.
        MedianBetween: "median between changes", "变化点之间的中位数";
        /// A doubt, in reports of before.
        Few: "too few steps", "步数过少";
        /// A doubt.
        FewTimes: "too few separate times, each a mean of 20 steps", "独立计时过少（每个为 20 步均值）";
        /// A doubt.
        Drift: "steps become slower or faster all the time", "步时持续漂移";
        /// A doubt.
        Jump: "steps change their speed at a step", "步时发生跳变";
        /// A doubt.
        Bimodal: "steps are of two kinds", "步时呈双峰分布";
        /// A doubt.
        Outliers: "a few steps take much of the time", "少数步占用大量时间";
        /// A doubt.
        Starved: "the loop waits for data", "等待数据";
        /// A doubt.
        Throttled: "the clock is throttled", "降频";
        /// A doubt.
        Busy: "other processes compute on the machine", "机器被其他进程占用";
        /// What a figure is.
        ScriptFps: "images/s by the published scripts", "每秒样本数（已发布脚本）";
        /// What a figure is.
        FpsMedian: "images/s, median", "每秒样本数（中位数）";
        /// What a figure is.
        FpsLow: "images/s, lower end", "每秒样本数（区间下限）";
        /// What a figure is.
        FpsHigh: "images/s, upper end", "每秒样本数（区间上限）";
        /// What a figure is.
        RatioFigure: "speed over that of the first run", "与第一个运行的速度比";
        /// What a figure is.
        RatioLow: "ratio, lower end", "速度比（区间下限）";
        /// What a figure is.
        RatioHigh: "ratio, upper end", "速度比（区间上限）";
    }
}

/// A sentence or a cell of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// Words of others or digits, the same in all languages.
    Plain {
        /// The words.
        text: String,
    },
    /// The title of a check.
    SpeedOf {
        /// The run.
        run: String,
    },
    /// Speed and ratio.
    Speed {
        /// The run.
        run: String,
        /// Images a second, with the digits of its source.
        fps: String,
        /// Ratio to the first run, with its interval.
        ratio: Option<Between>,
        /// The first run, and its images a second.
        base: Option<(String, String)>,
        /// The cards of both, where their numbers differ.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cards: Option<(u64, u64)>,
    },
    /// Two losses that no margin holds against each other.
    OtherTraining {
        /// Steps and images a step.
        here: (u64, u64),
        /// Steps and images a step of the first run.
        there: (u64, u64),
    },
    /// A number with its interval.
    Interval(Between),
    /// The run failed: the file of the published script holds no figure.
    NoFps {
        /// The run.
        run: String,
    },
    /// There is nothing to tell the speed from.
    NoTimes,
    /// A doubt with its figures.
    Doubt {
        /// The doubt.
        doubt: ComparedWord,
        /// Its figure.
        value: Float,
        /// The limit.
        limit: Float,
        /// The first step.
        at: Option<u64>,
    },
    /// A speed that is trusted but for a doubt that was allowed.
    Allowed {
        /// The doubt.
        doubt: Message,
    },
    /// What the published window holds.
    Special {
        /// The step.
        step: u64,
        /// What it does.
        reason: ComparedWord,
        /// The seconds that it seems to take beyond the median.
        extra: Option<Float>,
    },
    /// Where a row comes from.
    Measured {
        /// What measured it.
        by: ComparedWord,
        /// What was read.
        file: String,
    },
    /// Two words.
    Both {
        /// The first.
        first: ComparedWord,
        /// The second.
        second: String,
    },
}

/// A number and the interval that it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Between {
    /// The number.
    pub value: Float,
    /// The lower end.
    pub low: Float,
    /// The upper end.
    pub high: Float,
}

impl Between {
    /// `0.6385 (0.6383 to 0.6386)`.
    fn text(&self, to: &str, (open, close): (&str, &str)) -> String {
        let digits = |value: Float| match value.0 {
            value if value.abs() < 10.0 => format!("{value:.4}"),
            value => format!("{value:.1}"),
        };
        format!("{}{open}{}{to}{}{close}", digits(self.value), digits(self.low), digits(self.high))
    }
}

impl Say for Between {
    fn en(&self, _: Pen) -> String {
        self.text(" to ", (" (", ")"))
    }

    fn zh(&self, _: Pen) -> String {
        self.text("–", ("（", "）"))
    }
}

impl Say for Compared {
    fn en(&self, pen: Pen) -> String {
        match self {
            Self::Plain { text } => pen.text(text),
            Self::SpeedOf { run } => format!("{}: how fast, and whether that can be trusted", pen.name(run)),
            Self::Speed { run, fps, ratio, base, cards } => {
                let (on, on_base, a_card) = match (cards, ratio) {
                    (Some((here, there)), Some(ratio)) => {
                        let a_card = number::figure(ratio.value.0 * *there as f64 / *here as f64);
                        let on = |cards: u64| format!(" on {cards} card{}", if cards == 1 { "" } else { "s" });
                        (on(*here), on(*there), format!("; {a_card} a card"))
                    }
                    _ => Default::default(),
                };
                let ratio = ratio.zip(base.as_ref()).map_or_else(String::new, |(ratio, (base, theirs))| {
                    format!(", {} of the {theirs} of {}{on_base}{a_card}", ratio.en(pen), pen.name(base))
                });
                format!("{}: {fps} images/s{on}{ratio}", pen.name(run))
            }
            Self::OtherTraining { here, there } => format!(
                "the losses are of other trainings: {} steps of {} images here, {} steps of {} images there",
                here.0, here.1, there.0, there.1
            ),
            Self::Interval(between) => between.en(pen),
            Self::NoFps { run } => {
                format!(
                    "{} has no figure for ActualFPS: the run failed, although its script ended with 0",
                    pen.name(run)
                )
            }
            Self::NoTimes => "there are no times of steps".to_owned(),
            Self::Doubt { doubt, value, limit, at } => {
                let at = at.map_or_else(String::new, |step| format!(", from step {step} on"));
                format!("{} ({}, limit {}{at})", doubt.en(pen), number::figure(value.0), number::figure(limit.0))
            }
            Self::Allowed { doubt } => format!("trusted, but for what was allowed: {}", doubt.en(pen)),
            Self::Special { step, reason, extra } => {
                let extra = extra.map_or_else(String::new, |extra| {
                    format!(", which would have to take {} s more than the median", number::figure(extra.0))
                });
                format!("{} at step {step}{extra}", reason.en(pen))
            }
            Self::Measured { by, file } => format!("{}: {}", by.en(pen), pen.name(file)),
            Self::Both { first, second } => format!("{}: {}", first.en(pen), pen.text(second)),
        }
    }

    fn zh(&self, pen: Pen) -> String {
        match self {
            Self::Plain { text } => pen.text(text),
            Self::SpeedOf { run } => format!("{}：速度及其可信度", pen.name(run)),
            Self::Speed { run, fps, ratio, base, cards } => {
                let (on, on_base, a_card) = match (cards, ratio) {
                    (Some((here, there)), Some(ratio)) => {
                        let a_card = number::figure(ratio.value.0 * *there as f64 / *here as f64);
                        (format!("（{here} 卡）"), format!("，{there} 卡"), format!("，单卡为 {a_card}"))
                    }
                    _ => Default::default(),
                };
                let ratio = ratio.zip(base.as_ref()).map_or_else(String::new, |(ratio, (base, theirs))| {
                    format!("，为 {}（{theirs}{on_base}）的 {}{a_card}", pen.name(base), ratio.zh(pen))
                });
                format!("{}：每秒 {fps} 张图像{on}{ratio}", pen.name(run))
            }
            Self::OtherTraining { here, there } => format!(
                "两个损失来自不同的训练：此处 {} 步、每步 {} 张图像，彼处 {} 步、每步 {} 张图像",
                here.0, here.1, there.0, there.1
            ),
            Self::Interval(between) => between.zh(pen),
            Self::NoFps { run } => format!("{} 中 ActualFPS 为空：运行失败，尽管脚本退出码为 0", pen.name(run)),
            Self::NoTimes => "没有步时数据".to_owned(),
            Self::Doubt { doubt, value, limit, at } => {
                let at = at.map_or_else(String::new, |step| format!("，自第 {step} 步起"));
                format!("{}（{}，阈值 {}{at}）", doubt.zh(pen), number::figure(value.0), number::figure(limit.0))
            }
            Self::Allowed { doubt } => format!("可信，但已放行：{}", doubt.zh(pen)),
            Self::Special { step, reason, extra } => {
                let extra = extra.map_or_else(String::new, |extra| {
                    format!("，若差异全由其造成，则比中位数多 {} 秒", number::figure(extra.0))
                });
                format!("第 {step} 步的{}{extra}", reason.zh(pen))
            }
            Self::Measured { by, file } => format!("{}：{}", by.zh(pen), pen.name(file)),
            Self::Both { first, second } => format!("{}：{}", first.zh(pen), pen.text(second)),
        }
    }
}
