//! What is said of what was not judged, was not observed, or could not have failed.

use super::{Message, Pen, Precision, Say};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a run says of what it did not judge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// Why a check was skipped: the candidate lacks the set.
    NoRecording,
    /// Why a check was skipped: the candidate lacks the precision. It says what cannot be excluded without it.
    NoPrecision {
        /// The precision.
        precision: Precision,
    },
    /// Why a check was skipped: the suite judges no recordings.
    NoRecordings,
    /// Why a check was skipped: the suite has nothing to do.
    NothingForSuite {
        /// The suite.
        suite: String,
    },
    /// Why a check was skipped: the ranks of a set are threads of one process, and share a device.
    RanksOnOneDevice {
        /// How many there are.
        ranks: u32,
    },
    /// A remark: one of the two precisions alone was judged.
    OnlyPrecision {
        /// The precision that was judged.
        judged: Precision,
    },
    /// Why a check is vacuous: its network has no such block as the one that a defect is planted in.
    NoBlock {
        /// The defect, with its block.
        plant: String,
        /// How many blocks the network has.
        blocks: usize,
    },
    /// Why a check is vacuous: the candidate lies where the golden set lies.
    SameFolder,
    /// Why a check is vacuous: the candidate has all records of the golden set, those of its further runs included.
    SameRecords,
    /// Why a check fails: it was demanded, and was not made.
    Required {
        /// Why it was not made.
        why: Box<Message>,
    },
    /// The title of a check that stands for a demand.
    Demand {
        /// The pattern.
        pattern: String,
    },
    /// Why a check fails that stands for a demand: nothing of that name was judged.
    NothingOfThatName,
    /// The title of the check of the run itself.
    TheRun,
    /// An error of the program, in its own words.
    Error {
        /// What is wrong, and what to do.
        text: String,
    },
    /// Why the run did not come to its end.
    Interrupted {
        /// The signal.
        signal: String,
    },
    /// Why a check fails, where nothing that was observed is wrong.
    NotObserved {
        /// How many tensors were not.
        count: usize,
    },
    /// Which tensors were not observed: a finding.
    Unseen {
        /// How many.
        count: usize,
        /// The first of them.
        first: String,
    },
    /// What to do about tensors that were not observed.
    AllowMissing {
        /// Patterns that fit them.
        patterns: Vec<String>,
    },
    /// A remark: how much a dump of msprobe can tell.
    OfDump {
        /// The golden set.
        set: String,
        /// Its tensors that the golden set has.
        matched: usize,
        /// Its tensors.
        of: usize,
        /// Tensors of the golden set that it has not.
        unseen: usize,
    },
    /// A remark: operations that were judged together with others that were not observed.
    Spans {
        /// The golden set.
        set: String,
        /// How many.
        count: usize,
        /// The first.
        tensor: String,
        /// What it was judged together with.
        with: Vec<String>,
    },
}

impl Say for Coverage {
    fn en(&self, pen: Pen) -> String {
        match self {
            Self::NoRecording => "not judged: the candidate has no recording of this set".to_owned(),
            Self::NoPrecision { precision: Precision::Bf16 } => {
                "not judged: there is no recording at bf16, so nothing is said of mixed precision: casts, kernels of bf16, and what must \
                 stay in float32"
                    .to_owned()
            }
            Self::NoPrecision { precision } => format!(
                "not judged: there is no recording at {}, so what bf16's rounding hides cannot be excluded, such as the approximation of \
                 GELU or the epsilon of a norm",
                precision.name()
            ),
            Self::NoRecordings => "not judged: this suite judges no recordings".to_owned(),
            Self::NoBlock { plant, blocks } => {
                format!("{} is planted in no block of this network, which has {blocks}", pen.name(plant))
            }
            Self::RanksOnOneDevice { ranks } => format!(
                "not judged: threads of one process cannot be its {ranks} ranks on one device, whose backward passes wait for each other; \
                 {} starts them as processes",
                pen.name(&format!("--nproc {ranks}"))
            ),
            Self::NothingForSuite { suite } => format!("not judged: no set is for the suite {}", pen.name(suite)),
            Self::OnlyPrecision { judged: Precision::Bf16 } => {
                "bf16 alone was judged: what bf16's rounding hides cannot be excluded, such as the approximation of GELU or the epsilon of \
                 a norm"
                    .to_owned()
            }
            Self::OnlyPrecision { judged } => format!(
                "{} alone was judged: nothing is said of mixed precision: casts, kernels of bf16, and what must stay in float32",
                judged.name()
            ),
            Self::OfDump { set, matched, of, unseen } => {
                format!(
                    "{}: {matched} of the {of} tensors of msprobe's dump are in the set, and it lacks {unseen} of the set's; it does not say \
                      on which device and PyTorch it was made",
                    pen.name(set)
                )
            }
            Self::SameFolder => "this is the golden set itself, in its own folder: it could not have failed".to_owned(),
            Self::SameRecords => {
                "this is the golden set itself: every record is its own, those of the reference's further runs included, so it could not have \
                 failed"
                    .to_owned()
            }
            Self::Required { why } => format!("asked for by --require, and {}", why.en(pen)),
            Self::Demand { pattern } => format!("what --require {} asks for", pen.name(pattern)),
            Self::NothingOfThatName => "asked for by --require, and no check of this name was made".to_owned(),
            Self::TheRun => "the run comes to its end".to_owned(),
            Self::Error { text } => pen.text(text),
            Self::Interrupted { signal } => format!("the run was ended by {signal}: the checks below were finished before"),
            Self::NotObserved { count: 1 } => "1 tensor was not observed; nothing that was observed is wrong".to_owned(),
            Self::NotObserved { count } => {
                format!("{count} tensors were not observed; nothing that was observed is wrong")
            }
            Self::Unseen { count: 1, first } => format!("{} was not observed", pen.name(first)),
            Self::Unseen { count, first } => format!("{count} were not observed, first {}", pen.name(first)),
            Self::AllowMissing { patterns } => {
                let options: Vec<String> = patterns.iter().map(|it| format!("--allow-missing '{it}'")).collect();
                format!(
                    "if they are part of a fused operation, allow it by {}; if they have other names, map these by {}",
                    pen.names(&options, " "),
                    pen.name("--names FILE")
                )
            }
            Self::Spans { set, count, tensor, with } => {
                let more = if *count > 1 { format!("; so were {} more", count - 1) } else { String::new() };
                format!(
                    "{}: {} was held against the inputs of {} together, as one operation{more}",
                    pen.name(set),
                    pen.name(tensor),
                    pen.names(with, ", ")
                )
            }
        }
    }

    fn zh(&self, pen: Pen) -> String {
        match self {
            Self::NoRecording => "未判定：候选中没有该数据集的采集结果".to_owned(),
            Self::NoPrecision { precision: Precision::Bf16 } => {
                "未判定：没有 bf16 精度的采集结果，因此对混合精度（类型转换、bf16 算子、须保持 float32 的部分）不作结论"
                    .to_owned()
            }
            Self::NoPrecision { precision } => format!(
                "未判定：没有 {} 精度的采集结果，因此无法排除被 bf16 舍入掩盖的问题，例如 GELU 的近似方式或归一化的 epsilon",
                precision.name()
            ),
            Self::NoRecordings => "未判定：该测试套不判定采集数据".to_owned(),
            Self::NoBlock { plant, blocks } => {
                format!("该网络只有 {blocks} 个 block，{} 未注入其中任何一个", pen.name(plant))
            }
            Self::RanksOnOneDevice { ranks } => format!(
                "未判定：同一进程的线程无法在同一设备上充当其 {ranks} 个 rank，反向计算会相互等待；{} 以进程方式启动",
                pen.name(&format!("--nproc {ranks}"))
            ),
            Self::NothingForSuite { suite } => format!("未判定：没有适用于测试套 {} 的数据集", pen.name(suite)),
            Self::OnlyPrecision { judged: Precision::Bf16 } => {
                "仅判定了 bf16：无法排除被 bf16 舍入掩盖的问题，例如 GELU 的近似方式或归一化的 epsilon".to_owned()
            }
            Self::OnlyPrecision { judged } => {
                format!("仅判定了 {}：对混合精度（类型转换、bf16 算子、须保持 float32 的部分）不作结论", judged.name())
            }
            Self::OfDump { set, matched, of, unseen } => {
                format!(
                    "{}：msprobe 的 dump 中 {of} 个张量有 {matched} 个属于该数据集；数据集中有 {unseen} 个张量不在 dump 中；dump 不记录设备与 PyTorch 版本",
                    pen.name(set)
                )
            }
            Self::SameFolder => "这就是标杆数据集本身（同一文件夹），不可能失败".to_owned(),
            Self::SameRecords => {
                "这就是标杆数据集本身：所有记录（包括标杆的多次重复运行）完全相同，不可能失败".to_owned()
            }
            Self::Required { why } => format!("已用 --require 要求，但{}", why.zh(pen)),
            Self::Demand { pattern } => format!("要求执行的用例：--require {}", pen.name(pattern)),
            Self::NothingOfThatName => "已用 --require 要求，但没有执行该名称的用例".to_owned(),
            Self::TheRun => "运行正常结束".to_owned(),
            Self::Error { text } => pen.text(text),
            Self::Interrupted { signal } => format!("运行被 {signal} 终止：以下为此前已完成的用例"),
            Self::NotObserved { count } => format!("{count} 个张量未采集到；已采集到的均无问题"),
            Self::Unseen { count: 1, first } => format!("未采集到 {}", pen.name(first)),
            Self::Unseen { count, first } => format!("{count} 个未采集到，首个为 {}", pen.name(first)),
            Self::AllowMissing { patterns } => {
                let options: Vec<String> = patterns.iter().map(|it| format!("--allow-missing '{it}'")).collect();
                format!(
                    "若属于融合算子，可用 {} 允许；若名称不同，可用 {} 映射",
                    pen.names(&options, " "),
                    pen.name("--names FILE")
                )
            }
            Self::Spans { set, count, tensor, with } => {
                let more = if *count > 1 { format!("；另有 {} 个同样处理", count - 1) } else { String::new() };
                format!(
                    "{}：{} 与 {} 作为一个算子一起判定{more}",
                    pen.name(set),
                    pen.name(tensor),
                    pen.names(with, "、")
                )
            }
        }
    }
}
