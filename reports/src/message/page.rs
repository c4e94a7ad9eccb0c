//! What the page of a run says itself: its fixed words, the sentence that comes first, and what a pass entitles one to claim.

use super::vocabulary::words;
use super::{Outcome, Pen, Precision, Say, Stage};
use crate::{Judged, number, published};

words! {
    /// A fixed word of the page.
    pub(crate) Page {
        /// A heading.
        InShort: "In short", "概要";
        /// A head.
        WhoWasJudged: "judged", "待测对象";
        /// A head.
        Covered: "covered", "覆盖范围";
        /// A head.
        WorstUse: "nearest to the limit", "最接近阈值之处";
        /// A head.
        Published: "published, not measured here", "公开数据，非本工具实测";
        /// A head.
        Speed: "speed", "速度";
        /// A head.
        Entitles: "this entitles one to claim", "据此可以声称";
        /// A head.
        DoesNot: "this says nothing of", "据此不能声称";
        /// The name of the links to the parts of the page.
        Contents: "Contents", "目录";
        /// A heading.
        Suites: "Results", "结果";
        /// A heading.
        Growth: "Error of each tensor, in the order in which they are computed", "各张量误差（按计算顺序）";
        /// An axis.
        Order: "tensors, in the order in which they are computed", "张量（按计算顺序）";
        /// An axis.
        OverLimit: "error / limit", "误差 / 阈值";
        /// The limit of a plot.
        Limit: "limit", "阈值";
        /// Marks of a plot.
        WrongTensors: "wrong", "不达标";
        /// Marks of a plot.
        OtherBits: "other bits where the same are expected", "应二进制一致而不一致";
        /// A line of a plot.
        Judged: "explained by rounding", "误差在阈值内";
        /// Ticks of a plot.
        Identical: "identical", "二进制一致";
        /// A heading.
        Tensors: "Tensors nearest to their limit, or beyond it", "最接近阈值或已超出阈值的张量";
        /// A heading.
        Checks: "Every check", "全部用例";
        /// A heading.
        Remarks: "What was found, and does not make the run fail", "已发现但不导致失败的情况";
        /// A heading.
        TimeSplit: "Where a step's time goes", "单步耗时拆分";
        /// A head.
        Phase: "part of a step", "阶段";
        /// A head.
        SecondsAStep: "seconds a step", "每步耗时（秒）";
        /// A head.
        Share: "share", "占比";
        /// A control.
        Theme: "Light or dark", "浅色 / 深色";
        /// A control.
        Language: "中文", "English";
        /// A link.
        Skip: "To the result", "跳到结果";
        /// A table in place of a plot.
        InFigures: "The plot in figures", "以数字表示的图";
        /// A head of the same.
        Line: "line", "曲线";
        /// A head of the same.
        Points: "points", "点数";
        /// A head of the same.
        First: "first", "首值";
        /// A head of the same.
        Last: "last", "末值";
        /// A head of the same.
        Lowest: "lowest", "最小值";
        /// A head of the same.
        Highest: "highest", "最大值";
    }
}

/// The sentence that matters first: which tensor, how bad, since when.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Headline {
    /// The first tensor that is wrong.
    FirstWrong {
        /// The check.
        check: String,
        /// The tensor.
        tensor: String,
        /// Its part of the step.
        stage: Option<Stage>,
        /// What became of it.
        outcome: Outcome,
        /// Error over limit; none where there is no figure.
        ratio: Option<f64>,
    },
    /// Since when.
    Since {
        /// Its place in the order of computation, from 1.
        place: usize,
        /// How many tensors there are.
        of: usize,
        /// How many from there on are wrong.
        wrong: usize,
        /// The last tensor before it that is not wrong.
        agrees: Option<String>,
    },
    /// How many more checks make the run fail.
    More(usize),
    /// A check that fails, and why.
    Failed {
        /// The check.
        check: String,
        /// Why; words of its own.
        why: String,
    },
}

/// `3.2 times its limit`: two digits where they matter.
fn times(ratio: f64) -> String {
    if (10.0..1e6).contains(&ratio) { format!("{ratio:.0}") } else { number::ratio(ratio) }
}

impl Say for Headline {
    fn en(&self, pen: Pen) -> String {
        match self {
            Self::FirstWrong { check, tensor, stage, outcome, ratio } => {
                let stage = stage.map_or_else(String::new, |stage| format!(", stage {}", stage.en(pen)));
                let bad = match (outcome, ratio) {
                    (Outcome::BeyondTheLimit, Some(ratio)) if ratio.is_finite() => {
                        format!("its error is {} times the limit", times(*ratio))
                    }
                    (Outcome::NotIdentical, Some(ratio)) => format!(
                        "the same bits are expected here and it has others ({} of the limit that rounding has elsewhere)",
                        number::ratio(*ratio)
                    ),
                    (outcome, _) => outcome.en(pen),
                };
                format!("{} is the first tensor that is wrong ({}{stage}): {bad}.", pen.name(tensor), pen.name(check))
            }
            Self::Since { place, of, wrong, agrees } => {
                let agrees = agrees
                    .as_ref()
                    .map_or_else(String::new, |name| format!("; {}, right before it, is not wrong", pen.name(name)));
                format!("It is number {place} of {of} in the order of computation{agrees}. {wrong} are wrong in all.")
            }
            Self::More(1) => "1 more check fails.".to_owned(),
            Self::More(count) => format!("{count} more checks fail."),
            Self::Failed { check, why } => format!("{} fails: {why}.", pen.name(check)),
        }
    }

    fn zh(&self, pen: Pen) -> String {
        match self {
            Self::FirstWrong { check, tensor, stage, outcome, ratio } => {
                let stage = stage.map_or_else(String::new, |stage| format!("，{}阶段", stage.zh(pen)));
                let bad = match (outcome, ratio) {
                    (Outcome::BeyondTheLimit, Some(ratio)) if ratio.is_finite() => {
                        format!("误差为阈值的 {} 倍", times(*ratio))
                    }
                    (Outcome::NotIdentical, Some(ratio)) => {
                        format!("此处应二进制一致而不一致（误差为其他环境下舍入阈值的 {}）", number::ratio(*ratio))
                    }
                    (outcome, _) => outcome.zh(pen),
                };
                format!("{} 是首个不达标的张量（{}{stage}）：{bad}。", pen.name(tensor), pen.name(check))
            }
            Self::Since { place, of, wrong, agrees } => {
                let agrees = agrees
                    .as_ref()
                    .map_or_else(String::new, |name| format!("；其前一个张量 {} 未见异常", pen.name(name)));
                format!("按计算顺序为第 {place} 个（共 {of} 个）{agrees}。不达标的张量共 {wrong} 个。")
            }
            Self::More(count) => format!("另有 {count} 个用例失败。"),
            Self::Failed { check, why } => format!("{} 失败：{why}。", pen.name(check)),
        }
    }
}

/// A line of the summary that can be handed to somebody who reads nothing else.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Brief {
    /// Who was judged.
    Judged {
        /// As the report has it.
        who: Judged,
        /// The processor of this machine.
        cpu: String,
    },
    /// How much was looked at.
    Covered {
        /// Suites.
        suites: usize,
        /// Checks that were made.
        checks: usize,
        /// Checks that were not made.
        skipped: usize,
        /// Tensors.
        tensors: usize,
        /// Golden sets, each with its precisions.
        sets: Vec<(String, Vec<Precision>)>,
        /// Of each training that was timed: the steps that count, and the ranks.
        timed: Vec<(u64, u64)>,
    },
    /// So many checks are vacuous.
    Vacuous(usize),
    /// Which passing tensor came nearest to its limit.
    Worst {
        /// Error over limit.
        ratio: f64,
        /// The tensor.
        tensor: String,
        /// Its check.
        check: String,
    },
    /// Nothing was held against a limit.
    NoneHeld,
    /// The names of runs of which nothing was measured here.
    Published(Vec<String>),
    /// How fast a training was.
    Speeds {
        /// The check.
        check: String,
        /// Its summary.
        said: String,
    },
    /// What a suite proves, and the doubts that it passes in spite of.
    Claim {
        /// What it proves.
        proves: String,
        /// Names of doubts.
        allowed: Vec<String>,
    },
    /// What suites prove, since they passed.
    Proves {
        /// A sentence of each.
        claims: Vec<String>,
        /// Whether they judged a part of their sets.
        in_part: bool,
    },
    /// Nothing can be claimed.
    Nothing,
    /// No number was held against the reference's.
    NothingHeld,
    /// No backward pass was judged.
    NoStep,
    /// No training was followed.
    NoTrajectory,
    /// Only one precision was looked at.
    OnlyBf16,
    /// The mode in which nothing was judged.
    Mode(Mode),
    /// Several machines.
    Hosts,
    /// Speed.
    Speed,
}

words! {
    /// How the code ran that was judged, and so what was not.
    pub(crate) Mode {
        /// Eager code alone.
        Eager: "the compiled mode (torch.compile): eager code was judged", "编译模式（torch.compile）：判定的是 eager 模式";
        /// Compiled code alone.
        Compiled: "the eager mode: compiled code (torch.compile) was judged", "eager 模式：判定的是编译模式（torch.compile）";
        /// Some checks judged one, some the other.
        Each: "all checks in both modes: some judged eager code, others compiled code (torch.compile)", "每个用例的两种模式：部分用例判定 eager 模式，其余判定编译模式（torch.compile）";
        /// Nothing says so.
        Unsaid: "eager or compiled code (torch.compile): what was judged does not say which of the two it ran", "eager 模式还是编译模式（torch.compile）：被判定的数据未说明运行的是哪一种";
    }
}

/// At most so many sets are named.
const SETS_NAMED: usize = 6;

fn sets(sets: &[(String, Vec<Precision>)], pen: Pen, (comma, open, close): (&str, &str, &str)) -> String {
    let one = |(set, precisions): &(String, Vec<Precision>)| {
        let names: Vec<&str> = precisions.iter().map(|it| it.name()).collect();
        format!("{}{open}{}{close}", pen.name(set), names.join(comma))
    };
    let named: Vec<String> = sets.iter().take(SETS_NAMED).map(one).collect();
    let more = if sets.len() > SETS_NAMED { format!(" … +{}", sets.len() - SETS_NAMED) } else { String::new() };
    named.join(comma) + &more
}

impl Say for Brief {
    fn en(&self, pen: Pen) -> String {
        match self {
            Self::Judged { who: Judged::Trainer { device, planted }, cpu } => {
                let planted =
                    planted.as_ref().map_or_else(String::new, |it| format!(", with {} planted,", pen.name(it)));
                format!("the trainer of this program{planted} on {}, {}", pen.text(device), pen.text(cpu))
            }
            Self::Judged { who, .. } => who.en(pen),
            Self::Covered { suites: count, checks, skipped, tensors, sets: of, timed } => {
                let plural = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
                let mut parts = vec![plural(*count, "suite"), plural(*checks, "check")];
                parts.extend((*tensors > 0).then(|| plural(*tensors, "tensor")));
                let steps =
                    |&(steps, ranks): &(u64, u64)| format!("{steps} steps timed on {}", plural(ranks as usize, "rank"));
                parts.extend(timed.iter().map(steps));
                parts.extend((*skipped > 0).then(|| format!("{skipped} skipped")));
                let of =
                    if of.is_empty() { String::new() } else { format!("; sets {}", sets(of, pen, (", ", " (", ")"))) };
                parts.join(", ") + &of
            }
            Self::Vacuous(1) => {
                "1 check is vacuous: it could not have failed here, proves nothing, and counts as a failure unless it is allowed by name"
                    .to_owned()
            }
            Self::Vacuous(count) => format!(
                "{count} checks are vacuous: they could not have failed here, prove nothing, and count as failures unless they are allowed by name"
            ),
            Self::Worst { ratio, tensor, check } => {
                let much = if *ratio > 1.0 {
                    format!("{} times", times(*ratio))
                } else {
                    format!("{} of", number::ratio(*ratio))
                };
                format!("{much} the limit, at {} ({})", pen.name(tensor), pen.name(check))
            }
            Self::NoneHeld => "no tensor needed a limit".to_owned(),
            Self::Published(names) => format!("{}: {}", pen.names(names, ", "), published::SOURCE),
            Self::Speeds { check, said } => format!("{said} ({})", pen.name(check)),
            Self::Claim { proves, allowed } if allowed.is_empty() => proves.clone(),
            Self::Claim { proves, allowed } => {
                format!("{proves}, but for doubts that were found and allowed: {}", pen.names(allowed, ", "))
            }
            Self::Proves { claims, in_part } => {
                claims.join("; ") + if *in_part { " (as far as the sets and precisions above go)" } else { "" }
            }
            Self::Nothing => "nothing: the run does not count as passed".to_owned(),
            Self::NothingHeld => {
                "whether the numbers are right: nothing was held against the reference (suites precision, trajectory)"
                    .to_owned()
            }
            Self::NoStep => {
                "a training step: no gradient, no optimizer and no average of the teacher was judged (suite training)"
                    .to_owned()
            }
            Self::NoTrajectory => "a whole training: no run was followed (suite trajectory)".to_owned(),
            Self::OnlyBf16 => {
                "what bf16 hides: fp32 was not judged, so another GELU, epsilon or RoPE cannot be excluded".to_owned()
            }
            Self::Mode(mode) => mode.en(pen),
            Self::Hosts => "several machines: no run over more than one was judged".to_owned(),
            Self::Speed => "speed: nothing was timed".to_owned(),
        }
    }

    fn zh(&self, pen: Pen) -> String {
        match self {
            Self::Judged { who: Judged::Trainer { device, planted }, cpu } => {
                let planted =
                    planted.as_ref().map_or_else(String::new, |it| format!("（已注入缺陷 {}）", pen.name(it)));
                format!("本程序的训练器{planted}，运行于 {}，{}", pen.text(device), pen.text(cpu))
            }
            Self::Judged { who, .. } => who.zh(pen),
            Self::Covered { suites: count, checks, skipped, tensors, sets: of, timed } => {
                let mut parts = vec![format!("{count} 个测试套"), format!("{checks} 个用例")];
                parts.extend((*tensors > 0).then(|| format!("{tensors} 个张量")));
                parts.extend(timed.iter().map(|(steps, ranks)| format!("计时 {steps} 步（{ranks} 卡）")));
                parts.extend((*skipped > 0).then(|| format!("跳过 {skipped} 个")));
                let of = if of.is_empty() {
                    String::new()
                } else {
                    format!("；数据集 {}", sets(of, pen, ("、", "（", "）")))
                };
                parts.join("，") + &of
            }
            Self::Vacuous(count) => {
                format!("{count} 个用例无效：在此处不可能失败，不能证明任何结论；除非按名称允许，否则按失败计")
            }
            Self::Worst { ratio, tensor, check } => {
                let much = if *ratio > 1.0 { format!("{} 倍", times(*ratio)) } else { number::ratio(*ratio) };
                format!("误差为阈值的 {much}，位于 {}（{}）", pen.name(tensor), pen.name(check))
            }
            Self::NoneHeld => "没有张量需要用阈值判定".to_owned(),
            Self::Published(names) => format!("{}：{}", pen.names(names, "、"), published::SOURCE),
            Self::Speeds { check, said } => format!("{said}（{}）", pen.name(check)),
            Self::Claim { proves, allowed } if allowed.is_empty() => proves.clone(),
            Self::Claim { proves, allowed } => {
                format!("{proves}，但已发现并放行的存疑项除外：{}", pen.names(allowed, "、"))
            }
            Self::Proves { claims, in_part } => {
                claims.join("；") + if *in_part { "（仅限上列数据集与精度）" } else { "" }
            }
            Self::Nothing => "无：本次运行按失败计".to_owned(),
            Self::NothingHeld => "数值是否正确：未与标杆比对（测试套 precision、trajectory）".to_owned(),
            Self::NoStep => "训练单步：未判定梯度、优化器与教师网络的 EMA（测试套 training）".to_owned(),
            Self::NoTrajectory => "整个训练过程：没有比对完整训练（测试套 trajectory）".to_owned(),
            Self::OnlyBf16 => {
                "bf16 会掩盖的问题：未判定 fp32，因此不能排除 GELU、epsilon 或 RoPE 的实现差异".to_owned()
            }
            Self::Mode(mode) => mode.zh(pen),
            Self::Hosts => "多机：没有判定跨机运行".to_owned(),
            Self::Speed => "性能：没有计时".to_owned(),
        }
    }
}
