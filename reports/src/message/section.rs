//! Titles and texts of the tables and plots of suites that hold tensors against golden sets.

use super::{Difference, Pen, Precision, Say, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A title, a text, a cell or a label of a section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sections {
    /// Title: all tensors of a stage.
    Stage {
        /// The stage.
        stage: Stage,
    },
    /// What the tensors of a stage are, and how they are judged.
    AboutStage {
        /// The stage.
        stage: Stage,
    },
    /// Title: every operation by itself.
    OwnErrors,
    /// What the table of operations shows.
    AboutOwnErrors,
    /// Title: what was expected of the candidate.
    Expected,
    /// Cell: the same bits.
    SameBits,
    /// Cell: rounding of the reference's size.
    WithinRounding {
        /// Why not the same bits.
        differences: Vec<Difference>,
    },
    /// Title: steps in a row.
    StepsInARow,
    /// What the table of steps in a row shows.
    AboutStepsInARow,
    /// Cell: no step differs.
    NoDifference,
    /// Cell: nothing was compared.
    NotCompared,
    /// Title: the error through the network.
    ErrorGrowth {
        /// The golden set.
        set: String,
        /// The precision.
        precision: Precision,
    },
    /// Title: the errors of a training step, layer by layer.
    ByLayer {
        /// The golden set.
        set: String,
        /// The precision.
        precision: Precision,
    },
    /// Title of a plot: the error through the network.
    ErrorAgainstTruth {
        /// The golden set.
        set: String,
        /// The precision.
        precision: Precision,
    },
    /// A horizontal axis.
    ResidualStream,
    /// A vertical axis.
    RelativeError,
    /// A line of a plot.
    Line {
        /// Whose.
        network: Network,
        /// Of which run.
        side: Side,
    },
}

/// A network of the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// The one that learns.
    Student,
    /// The average.
    Teacher,
}

/// A side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Who is judged.
    Candidate,
    /// The recording.
    Reference,
}

impl Say for Sections {
    fn en(&self, pen: Pen) -> String {
        match self {
            Self::Stage { stage } => format!("Stage {}", stage.en(pen)),
            Self::AboutStage { stage } => about_en(*stage),
            Self::OwnErrors => "Every operation by itself".to_owned(),
            Self::AboutOwnErrors => "Each operation was computed again in float64 from the inputs that were recorded, so what came before it \
                 does not count. An operation is wrong if its own error is larger than rounding and the reference's own error explain. The \
                 last two columns say what a pass excludes: the smallest mistake that nine in ten such recordings would have shown, in the \
                 middle of all operations."
                .to_owned(),
            Self::Expected => "What was expected".to_owned(),
            Self::SameBits => "the same bits: the fingerprints match".to_owned(),
            Self::WithinRounding { differences } => {
                let differences: Vec<String> = differences.iter().map(|it| it.en(pen)).collect();
                format!("errors within the limit, over one step, since the fingerprints differ: {}", differences.join("; "))
            }
            Self::StepsInARow => "Steps in a row".to_owned(),
            Self::AboutStepsInARow => "Each logged value against the reference's, step by step. Where the same bits cannot be expected, one step \
                 is taken and these are not compared: a free run on other hardware parts by chaos."
                .to_owned(),
            Self::NoDifference => "none".to_owned(),
            Self::NotCompared => "not compared".to_owned(),
            Self::ErrorGrowth { set, precision } => format!("Error growth: {}, {}", pen.name(set), precision.name()),
            Self::ByLayer { set, precision } => format!("Error by layer: {}, {}", pen.name(set), precision.name()),
            Self::ErrorAgainstTruth { set, precision } => {
                format!("{}, {}: error against the float64 truth", pen.text(set), precision.name())
            }
            Self::ResidualStream => {
                "residual stream of the global crops: tokens, blocks, last norm, DINO logits".to_owned()
            }
            Self::RelativeError => "relative l2 error".to_owned(),
            Self::Line { network, side } => {
                let network = match network {
                    Network::Student => "student",
                    Network::Teacher => "teacher",
                };
                let side = match side {
                    Side::Candidate => "candidate",
                    Side::Reference => "reference",
                };
                format!("{network}, {side}")
            }
        }
    }

    fn zh(&self, pen: Pen) -> String {
        match self {
            Self::Stage { stage } => format!("阶段：{}", stage.zh(pen)),
            Self::AboutStage { stage } => about_zh(*stage),
            Self::OwnErrors => "逐算子判定".to_owned(),
            Self::AboutOwnErrors => "以实际记录的输入为起点，用 float64 重新计算每个算子，因此上游误差不计入。若算子自身的误差超出舍入误差与标杆自身误差所能解释的范围，则判为有误。最后两列给出通过所能排除的最小错误：在十次同样的记录中有九次能检出的最小偏差（取全部算子的中位数）。".to_owned(),
            Self::Expected => "判定标准".to_owned(),
            Self::SameBits => "应二进制一致：运行环境与标杆采集环境相同".to_owned(),
            Self::WithinRounding { differences } => {
                let differences: Vec<String> = differences.iter().map(|it| it.zh(pen)).collect();
                format!("单步误差应在阈值内：运行环境与标杆采集环境不同（{}）", differences.join("；"))
            }
            Self::StepsInARow => "连续多步训练".to_owned(),
            Self::AboutStepsInARow => {
                "将训练日志中的每个记录值与标杆逐步比对。无法要求二进制一致时只训练一步，不比对这些记录值：\
                 在其他硬件上连续训练多步，误差会逐步累积放大。"
                    .to_owned()
            }
            Self::NoDifference => "无".to_owned(),
            Self::NotCompared => "未比对".to_owned(),
            Self::ErrorGrowth { set, precision } => format!("误差逐层变化：{}，{}", pen.name(set), precision.name()),
            Self::ByLayer { set, precision } => format!("各层误差：{}，{}", pen.name(set), precision.name()),
            Self::ErrorAgainstTruth { set, precision } => {
                format!("{}，{}：相对 float64 真值的误差", pen.text(set), precision.name())
            }
            Self::ResidualStream => "全局裁剪图的残差流：token、各 block、末层归一化、DINO logits".to_owned(),
            Self::RelativeError => "欧氏相对距离".to_owned(),
            Self::Line { network, side } => {
                let network = match network {
                    Network::Student => "学生网络",
                    Network::Teacher => "教师网络",
                };
                let side = match side {
                    Side::Candidate => "待测",
                    Side::Reference => "标杆",
                };
                format!("{network}，{side}")
            }
        }
    }
}

fn about_en(stage: Stage) -> String {
    let what = match stage {
        Stage::Init => {
            return "Weights and buffers after initialisation from the seed. Where the same bits are not expected, norm, mean, minimum and \
                    maximum are held to a few ulps: instruction sets round an inverse error function differently, and another seed moves \
                    them by far more."
                .to_owned();
        }
        Stage::Data => {
            return "What the model receives: normalised crops, masks and their weights. Where the same bits are not expected, norm, mean, \
                    minimum and maximum are held to a few ulps."
                .to_owned();
        }
        Stage::Schedule => {
            return "Every curve at every iteration. Computed in float64 at all precisions: a few ulps, or wrong."
                .to_owned();
        }
        Stage::Trajectory => {
            return "Several steps in a row: the logged values, what the meters make of them, and the weights and moments at the end. The same \
                    bits, where they can be expected; elsewhere only the meters are judged, fed with the recorded values."
                .to_owned();
        }
        Stage::Forward => "Every activation, in execution order.",
        Stage::Loss => {
            "What the teacher's logits are assigned to, the patches that Gram compares, every term of the loss, and their sum."
        }
        Stage::Backward => {
            "The gradient of every parameter, before clipping, in the order in which the backward pass completes them."
        }
        Stage::Optimizer => {
            "Multipliers of learning rate and weight decay; norms of the gradients; moments and parameters after the step."
        }
        Stage::Ema => "The teachers' parameters after the step.",
    };
    format!(
        "{what} The error is against the float64 truth; the yardstick is the reference's own largest error, in several runs, at the same \
         precision."
    )
}

fn about_zh(stage: Stage) -> String {
    let what = match stage {
        Stage::Init => {
            return "由随机种子初始化的权重与缓冲区。无法要求二进制一致时，范数、均值、最小值和最大值之差不得超过几个 ULP：\
                    不同指令集计算误差函数反函数（erfinv）时舍入不同，而随机种子不同造成的差异要大得多。"
                .to_owned();
        }
        Stage::Data => {
            return "模型的输入：归一化后的裁剪图、掩码及其权重。无法要求二进制一致时，范数、均值、最小值和最大值之差不得超过几个 ULP。"
                .to_owned();
        }
        Stage::Schedule => {
            return "每条超参调度曲线在每次迭代的取值。任何精度模式下都以 float64 计算：误差不超过几个 ULP，否则不达标。"
                .to_owned();
        }
        Stage::Trajectory => {
            return "连续多步训练：日志中的记录值、由其得到的统计值，以及最后的权重与优化器动量。可要求二进制一致时，必须二进制一致；\
                    否则以采集的记录值为输入，只判定统计值。"
                .to_owned();
        }
        Stage::Forward => "按执行顺序排列的全部激活值。",
        Stage::Loss => "教师网络 logits 的分配结果、Gram 损失所比较的图像块、各损失项及其总和。",
        Stage::Backward => "梯度裁剪之前各参数的梯度，按反向传播的完成顺序排列。",
        Stage::Optimizer => "学习率与权重衰减的倍率、梯度范数，以及参数更新后的优化器动量与参数。",
        Stage::Ema => "本步更新后的教师网络参数。",
    };
    format!("{what}误差相对 float64 真值计算；标杆自身误差取标杆在同一精度模式下多次运行的最大误差。")
}
