//! What is said of tensors held against golden sets.

use super::{Outcome, OwnDefect, Pen, Precision, Reason, Say, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a check of a golden set says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judging {
    /// Title of a check.
    EveryTensor {
        /// The golden set.
        set: String,
        /// The precision.
        precision: Precision,
    },
    /// Why a check fails: the first tensor in execution order that is wrong.
    FirstDivergence {
        /// The tensor.
        tensor: String,
        /// Its part of the step.
        stage: Option<Stage>,
    },
    /// Why a check fails: the first operation that is wrong by itself.
    FirstDefect {
        /// The tensor that it computes.
        tensor: String,
        /// Its part of the step.
        stage: Stage,
    },
    /// Why an operation is wrong by itself.
    Defect(OwnDefect),
    /// How many operations were held against their own inputs alone: the golden set lacks the precision.
    ByItself {
        /// How many.
        operations: usize,
        /// How many of them are wrong.
        wrong: usize,
    },
    /// How many more operations are wrong by themselves.
    MoreDefects {
        /// How many.
        count: usize,
    },
    /// How many tensors are wrong because of what came before them.
    Propagated {
        /// How many.
        count: usize,
    },
    /// Why a check fails: a tensor that the golden set does not have.
    NotInTheSet {
        /// The tensor.
        tensor: String,
    },
    /// Why a check fails: there is nothing to judge.
    NothingRecorded,
    /// Why a check is vacuous: a planted defect has no effect.
    NothingChanged {
        /// The defect.
        plant: String,
    },
    /// How many tensors became what: the summary of a check.
    Tally(Tally),
    /// What became of a tensor, and why.
    Wrong {
        /// What became of it.
        outcome: Outcome,
        /// Why.
        reason: Option<Reason>,
    },
    /// The subject of a finding about all tensors that have none of their own.
    Others,
    /// How many tensors are wrong besides those that findings name.
    MoreWrong {
        /// How many.
        count: usize,
    },
    /// Where to look for the cause of the first divergence.
    Look {
        /// The last tensor before it that agrees.
        agrees: Option<String>,
        /// Of a gradient, where it stands in backward order.
        backward: Option<Backward>,
    },
    /// What is worth knowing of a golden set before it is judged.
    Remark {
        /// The set.
        set: String,
        /// What it is.
        remark: Remark,
    },
}

/// How many tensors became what. All but `unexpected` add up to the tensors of the golden set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// They have the reference's bits.
    pub identical: usize,
    /// They have other bits, which rounding explains.
    pub within: usize,
    /// They have other bits, which rounding would explain, where the same were expected.
    pub not_identical: usize,
    /// They are wrong in any other way.
    pub wrong: usize,
    /// The candidate did not show them.
    pub missing: usize,
    /// Nothing is said of them.
    pub not_judged: usize,
    /// The candidate showed them, and the golden set does not have them: not among its tensors.
    pub unexpected: usize,
}

impl Tally {
    /// The tensors of the golden set.
    pub fn tensors(&self) -> usize {
        self.judged() + self.not_judged
    }

    /// Those of them that were judged.
    fn judged(&self) -> usize {
        self.identical + self.within + self.not_identical + self.wrong + self.missing
    }

    /// Those that make the check fail.
    pub fn failing(&self) -> usize {
        self.not_identical + self.wrong + self.missing + self.unexpected
    }
}

/// Where a gradient stands in backward order: what is wrong in one is carried into those after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Backward {
    /// The parameter.
    pub parameter: String,
    /// The gradients right after it.
    pub next: Vec<String>,
    /// How many come after those.
    pub more: usize,
    /// How many of all after it are wrong.
    pub wrong: usize,
}

/// What is worth knowing of a golden set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Remark {
    /// Its photographs are not there.
    StoredCrops,
    /// An image of its data cannot be used, and the next one takes its place.
    Unusable {
        /// The image.
        image: String,
        /// What the decoder or the system said.
        reason: String,
    },
    /// Its config gives an option that nothing reads.
    NeverRead {
        /// The option.
        key: String,
        /// The value given.
        given: String,
        /// What the reference uses.
        used: String,
    },
    /// Its config gives an FFN ratio that nothing reads.
    RatioOfTheArchitecture {
        /// The option.
        key: String,
        /// The value given.
        given: String,
        /// The option that decides.
        decides: String,
    },
    /// Its config gives a multiplier for parameters that do not exist.
    NoSuchParameters {
        /// The option.
        key: String,
        /// The value given.
        given: String,
        /// What the name of such a parameter would hold.
        part: String,
    },
}

impl Say for Judging {
    fn en(&self, pen: Pen) -> String {
        match self {
            Self::EveryTensor { set, precision } => {
                format!("every tensor of {} at {}", pen.name(set), precision.name())
            }
            Self::FirstDivergence { tensor, stage } => {
                let stage = stage.map_or_else(String::new, |stage| format!(" (stage {})", stage.en(pen)));
                format!("first divergence at {}{stage}", pen.name(tensor))
            }
            Self::FirstDefect { tensor, stage } => {
                format!("{} is wrong by itself (stage {})", pen.name(tensor), stage.en(pen))
            }
            Self::Defect(defect) => defect.en(pen),
            Self::ByItself { operations, wrong } => format!(
                "{operations} operations held against their own inputs, {wrong} wrong; the golden set lacks this precision, so nothing else was judged"
            ),
            Self::MoreDefects { count } => format!("{count} more are wrong by themselves; the JSON report lists them all"),
            Self::Propagated { count } => {
                format!("{count} differ by more than their limit and follow from what came before: each is right for its own inputs")
            }
            Self::NotInTheSet { tensor } => format!("{} is not in the golden set", pen.name(tensor)),
            Self::NothingRecorded => "the golden set has no entries at this precision".to_owned(),
            Self::NothingChanged { plant } => format!(
                "{} changes nothing here: no such block, or it does not use what is broken, or rounding hides it",
                pen.name(plant)
            ),
            Self::Tally(tally) => tally.en(pen),
            Self::Wrong { outcome, reason: None } => outcome.en(pen),
            Self::Wrong { outcome, reason: Some(reason) } => format!("{}: {}", outcome.en(pen), reason.en(pen)),
            Self::Others => "other tensors".to_owned(),
            Self::MoreWrong { count } => format!("{count} more are wrong; the JSON report lists them all"),
            Self::Look { agrees, backward } => {
                let agrees = match agrees {
                    Some(last) => format!("{} still agrees; look at what is computed between the two", pen.name(last)),
                    None => "it is the first tensor of all: compare versions, seed and recipe first".to_owned(),
                };
                match backward {
                    Some(backward) => format!("{agrees}. {}", backward.en(pen)),
                    None => agrees,
                }
            }
            Self::Remark { set, remark } => format!("{}: {}", pen.name(set), remark.en(pen)),
        }
    }

    fn zh(&self, pen: Pen) -> String {
        match self {
            Self::EveryTensor { set, precision } => {
                format!("{} 在 {} 精度下的全部张量", pen.name(set), precision.name())
            }
            Self::FirstDivergence { tensor, stage } => {
                let stage = stage.map_or_else(String::new, |stage| format!("（阶段：{}）", stage.zh(pen)));
                format!("首个不达标的张量为 {}{stage}", pen.name(tensor))
            }
            Self::FirstDefect { tensor, stage } => {
                format!("{} 自身计算有误（阶段：{}）", pen.name(tensor), stage.zh(pen))
            }
            Self::Defect(defect) => defect.zh(pen),
            Self::ByItself { operations, wrong } => format!(
                "逐算子判定 {operations} 个，其中 {wrong} 个有误；标杆数据集没有该精度，因此未作其他判定"
            ),
            Self::MoreDefects { count } => format!("另有 {count} 个算子自身计算有误，完整列表见 JSON 报告"),
            Self::Propagated { count } => {
                format!("{count} 个张量的误差超出阈值，但均由上游误差传播所致：就各自的输入而言计算正确")
            }
            Self::NotInTheSet { tensor } => format!("标杆数据集中没有 {}", pen.name(tensor)),
            Self::NothingRecorded => "标杆数据集在该精度下没有任何条目".to_owned(),
            Self::NothingChanged { plant } => format!(
                "注入的缺陷 {} 在此不起作用：对应的 block 不存在，或该 block 未用到被改坏的部分，或其影响被舍入误差掩盖",
                pen.name(plant)
            ),
            Self::Tally(tally) => tally.zh(pen),
            Self::Wrong { outcome, reason: None } => outcome.zh(pen),
            Self::Wrong { outcome, reason: Some(reason) } => format!("{}，{}", outcome.zh(pen), reason.zh(pen)),
            Self::Others => "其他张量".to_owned(),
            Self::MoreWrong { count } => format!("另有 {count} 个不达标，完整列表见 JSON 报告"),
            Self::Look { agrees, backward } => {
                let agrees = match agrees {
                    Some(last) => format!("{} 仍达标，请检查这两个张量之间的计算", pen.name(last)),
                    None => "这已是第一个张量，请先核对版本、随机种子和训练配置".to_owned(),
                };
                match backward {
                    Some(backward) => format!("{agrees}。{}", backward.zh(pen)),
                    None => agrees,
                }
            }
            Self::Remark { set, remark } => format!("{}：{}", pen.name(set), remark.zh(pen)),
        }
    }
}

impl Say for Tally {
    fn en(&self, _: Pen) -> String {
        let mut text = if self.identical == self.judged() {
            format!("{} tensors, all identical", self.judged())
        } else {
            let parts = [
                (self.identical, "identical"),
                (self.within, "within the limit"),
                (self.not_identical, "not identical"),
                (self.wrong, "wrong"),
                (self.missing, "missing"),
            ];
            let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
            format!("{} tensors: {}", self.judged(), parts.collect::<Vec<_>>().join(", "))
        };
        if self.not_judged > 0 {
            text += &format!("; {} more not judged", self.not_judged);
        }
        if self.unexpected > 0 {
            text += &format!("; {} more that the golden set does not have", self.unexpected);
        }
        text
    }

    fn zh(&self, _: Pen) -> String {
        let mut text = if self.identical == self.judged() {
            format!("{} 个张量全部二进制一致", self.judged())
        } else {
            let parts = [
                (self.identical, "二进制一致"),
                (self.within, "误差在阈值内"),
                (self.not_identical, "二进制不一致"),
                (self.wrong, "不达标"),
                (self.missing, "缺失"),
            ];
            let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} 个{what}"));
            format!("{} 个张量：{}", self.judged(), parts.collect::<Vec<_>>().join("，"))
        };
        if self.not_judged > 0 {
            text += &format!("；另有 {} 个未判定", self.not_judged);
        }
        if self.unexpected > 0 {
            text += &format!("；另有 {} 个不在标杆数据集中", self.unexpected);
        }
        text
    }
}

impl Say for Backward {
    fn en(&self, pen: Pen) -> String {
        let Self { parameter, next, more, wrong } = self;
        let parameter = pen.name(parameter);
        if next.is_empty() {
            return format!("The gradient of {parameter} is the last of all in backward order");
        }
        let more = if *more > 0 { format!(" and {more} more") } else { String::new() };
        let next = pen.names(next, ", ");
        format!("In backward order, {next}{more} come after the gradient of {parameter}: {wrong} of them wrong")
    }

    fn zh(&self, pen: Pen) -> String {
        let Self { parameter, next, more, wrong } = self;
        let parameter = pen.name(parameter);
        if next.is_empty() {
            return format!("按反向顺序，{parameter} 的梯度是最后一个");
        }
        let more = if *more > 0 { format!(" 等 {} 个梯度", next.len() + more) } else { String::new() };
        let next = pen.names(next, "、");
        format!("按反向顺序，{parameter} 的梯度之后依次是 {next}{more}，其中 {wrong} 个不达标")
    }
}

impl Say for Remark {
    fn en(&self, pen: Pen) -> String {
        match self {
            Self::StoredCrops => {
                "its photographs are not beside it, so the crops are the stored ones, not our own".to_owned()
            }
            Self::Unusable { image, reason } => format!(
                "the image {} cannot be used, and the next one takes its place: {}",
                pen.name(image),
                pen.text(reason)
            ),
            Self::NeverRead { key, given, used } => format!(
                "{} has no effect: the reference at this commit never reads it and uses {used}",
                pen.name(&format!("{key}: {given}"))
            ),
            Self::RatioOfTheArchitecture { key, given, decides } => format!(
                "{} has no effect: the reference at this commit never reads it and uses that of {}",
                pen.name(&format!("{key}: {given}")),
                pen.name(decides)
            ),
            Self::NoSuchParameters { key, given, part } => format!(
                "{} has no effect: the reference applies it to parameters whose name within their head holds {}, and none does",
                pen.name(&format!("{key}: {given}")),
                pen.name(part)
            ),
        }
    }

    fn zh(&self, pen: Pen) -> String {
        match self {
            Self::StoredCrops => "标杆数据集未附带原始照片，因此使用其中保存的裁剪图，而非由本工具裁剪".to_owned(),
            Self::Unusable { image, reason } => {
                format!("图像 {} 无法使用，改用下一张：{}", pen.name(image), pen.text(reason))
            }
            Self::NeverRead { key, given, used } => format!(
                "{} 不起作用：此提交的参考实现从不读取该配置项，实际使用 {used}",
                pen.name(&format!("{key}: {given}"))
            ),
            Self::RatioOfTheArchitecture { key, given, decides } => format!(
                "{} 不起作用：此提交的参考实现从不读取该配置项，实际取值由 {} 决定",
                pen.name(&format!("{key}: {given}")),
                pen.name(decides)
            ),
            Self::NoSuchParameters { key, given, part } => format!(
                "{} 不起作用：参考实现只将其用于投影头内名称包含 {} 的参数，而这样的参数并不存在",
                pen.name(&format!("{key}: {given}")),
                pen.name(part)
            ),
        }
    }
}
