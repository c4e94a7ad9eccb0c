//! What is said of tensors held against golden sets.

use super::{Outcome, OwnDefect, Pen, Precision, Reason, Remark, Say, Stage, Tally};
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
    /// Why a check fails, and what is wrong first: the run started from other weights.
    OtherWeights {
        /// The version of PyTorch that drew them, if it is another than the golden set's.
        torch: Option<String>,
    },
    /// How a candidate comes to start from the golden set's weights.
    BringWeights {
        /// The golden set.
        set: String,
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
    /// How many gradients are the recorded ones times, or over, one whole number.
    GradientsTimes {
        /// How many.
        count: usize,
        /// The number.
        by: u32,
        /// Whether they are over it.
        divided: bool,
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
    /// Where to look: the forward pass is wrong already.
    ForwardWrong {
        /// The check that found it.
        check: String,
        /// The first tensor that is wrong.
        tensor: String,
    },
    /// Where to look: the forward pass is right.
    ForwardRight {
        /// The check that found it.
        check: String,
    },
    /// Where to look: nobody has looked at the forward pass.
    ForwardUnseen {
        /// The set to record.
        record: String,
    },
    /// Where to look: the value is computed from the config alone.
    ByConfig,
    /// What is worth knowing of a golden set before it is judged.
    Remark {
        /// The set.
        set: String,
        /// What it is.
        remark: Remark,
    },
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
            Self::OtherWeights { torch: Some(torch) } => format!(
                "the initial weights are others: recorded by torch {torch}, which draws them otherwise; bring them"
            ),
            Self::OtherWeights { torch: None } => {
                "the initial weights are others than the golden set's; bring them".to_owned()
            }
            Self::BringWeights { set } => format!(
                "write them by {}, and record again with {} besides {}",
                pen.name(&format!("dinov3-harness golden weights {set} --out {set}.weights.safetensors")),
                pen.name(&format!("--inputs-from {set}.weights.safetensors")),
                pen.name(&format!("--inputs-from golden/sets/{set}"))
            ),
            Self::Defect(defect) => defect.en(pen),
            Self::ByItself { operations, wrong } => format!(
                "{operations} operations held against their own inputs, {wrong} wrong; the golden set lacks this precision, so nothing else was judged"
            ),
            Self::GradientsTimes { count, by, divided: true } => {
                format!(
                    "{count} gradients are the recorded ones divided by {by}: a mean over {by} in the place of a sum perhaps"
                )
            }
            Self::GradientsTimes { count, by, divided: false } => {
                format!(
                    "{count} gradients are {by} times the recorded ones: a sum over {by} in the place of a mean perhaps"
                )
            }
            Self::MoreDefects { count: 1 } => "1 more is wrong by itself; the JSON report lists them all".to_owned(),
            Self::MoreDefects { count } => {
                format!("{count} more are wrong by themselves; the JSON report lists them all")
            }
            Self::Propagated { count: 1 } => {
                "1 differs by more than its limit and follows from what came before: it is right for its own inputs"
                    .to_owned()
            }
            Self::Propagated { count } => {
                format!(
                    "{count} differ by more than their limit and follow from what came before: each is right for its own inputs"
                )
            }
            Self::NotInTheSet { tensor } => format!("{} is not in the golden set", pen.name(tensor)),
            Self::NothingRecorded => "the golden set has no entries at this precision".to_owned(),
            Self::NothingChanged { plant } => format!(
                "{} changes nothing here: this network does not use what is broken, or rounding hides it",
                pen.name(plant)
            ),
            Self::Tally(tally) => tally.en(pen),
            Self::Wrong { outcome, reason: None } => outcome.en(pen),
            Self::Wrong { outcome, reason: Some(reason) } => format!("{}: {}", outcome.en(pen), reason.en(pen)),
            Self::Others => "other tensors".to_owned(),
            Self::MoreWrong { count: 1 } => "1 more is wrong; the JSON report lists them all".to_owned(),
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
            Self::ForwardWrong { check, tensor } => {
                format!("the forward pass is wrong already ({}: {}); see to that first", pen.name(check), pen.name(tensor))
            }
            Self::ForwardRight { check } => {
                format!("the forward pass is right in {}: look at the losses and the backward pass", pen.name(check))
            }
            Self::ForwardUnseen { record } => format!(
                "this set does not show the forward pass, and no other set that was judged does: record {} to find the layer",
                pen.name(record)
            ),
            Self::ByConfig => {
                "it is computed from the config alone: compare the options, the length of the run and the number of ranks".to_owned()
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
            Self::OtherWeights { torch: Some(torch) } => {
                format!("初始权重不同：候选由 torch {torch} 录制，该版本的随机初始化与标杆不同，请带入标杆的权重")
            }
            Self::OtherWeights { torch: None } => "初始权重与标杆不同，请带入标杆的权重".to_owned(),
            Self::BringWeights { set } => format!(
                "先用 {} 写出权重，再以 {} 和 {} 重新录制",
                pen.name(&format!("dinov3-harness golden weights {set} --out {set}.weights.safetensors")),
                pen.name(&format!("--inputs-from golden/sets/{set}")),
                pen.name(&format!("--inputs-from {set}.weights.safetensors"))
            ),
            Self::Defect(defect) => defect.zh(pen),
            Self::ByItself { operations, wrong } => {
                format!("逐算子判定 {operations} 个，其中 {wrong} 个有误；标杆数据集没有该精度，因此未作其他判定")
            }
            Self::GradientsTimes { count, by, divided: true } => {
                format!("{count} 个梯度等于标杆梯度除以 {by}，可能以 {by} 个 rank 的平均代替了求和")
            }
            Self::GradientsTimes { count, by, divided: false } => {
                format!("{count} 个梯度等于标杆梯度的 {by} 倍，可能以 {by} 个 rank 的求和代替了平均")
            }
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
            Self::ForwardWrong { check, tensor } => {
                format!("前向计算已有误（{}：{}），请先解决", pen.name(check), pen.name(tensor))
            }
            Self::ForwardRight { check } => {
                format!("前向计算在 {} 中无误，请检查损失与反向计算", pen.name(check))
            }
            Self::ForwardUnseen { record } => {
                format!("该数据集不含前向计算，其他已判定的数据集也没有：请采集 {} 以定位到层", pen.name(record))
            }
            Self::ByConfig => "它只由配置计算得到：请核对配置项、训练长度与 rank 数".to_owned(),
            Self::Remark { set, remark } => format!("{}：{}", pen.name(set), remark.zh(pen)),
        }
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
