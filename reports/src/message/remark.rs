//! What is worth knowing of a golden set before it is judged.

use super::{Pen, Say};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is worth knowing of a golden set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Remark {
    /// Its photographs are not there.
    StoredCrops,
    /// So many ranks recorded it, and another number of processes runs: its ranks are threads of one process.
    RanksAsThreads {
        /// Ranks of the recording.
        ranks: u32,
        /// Processes of the run.
        processes: u32,
    },
    /// The candidate did not draw its initial weights.
    WeightsBrought,
    /// An image of its data cannot be used, and the next one takes its place.
    Unusable {
        /// The image.
        image: String,
        /// Why not.
        reason: Damage,
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

/// Why an image cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// It is an image of a format that is not read.
    Unsupported {
        /// The format.
        format: String,
    },
    /// It does not begin like an image.
    Unknown {
        /// Bytes in the file.
        length: usize,
    },
    /// It has more pixels than are decoded.
    TooLarge {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// The file ends before its image.
    Truncated {
        /// The format.
        format: String,
    },
    /// The file violates its format.
    Broken {
        /// The format.
        format: String,
        /// The decoder's words.
        why: String,
    },
    /// It cannot be read; the system's words.
    #[serde(untagged)]
    Unreadable(String),
}

impl Say for Remark {
    fn en(&self, pen: Pen) -> String {
        match self {
            Self::StoredCrops => {
                "the photographs are not beside it, so the crops are the stored ones, not our own".to_owned()
            }
            Self::RanksAsThreads { ranks, processes } => format!(
                "{ranks} ranks recorded it and {processes} processes run, so its ranks are threads of one process; --nproc {ranks} makes them \
                 processes"
            ),
            Self::WeightsBrought => {
                "the candidate's weights, buffers and draws were brought, so its initial weights prove nothing"
                    .to_owned()
            }
            Self::Unusable { image, reason } => format!(
                "the image {} cannot be used, and the next one takes its place: {}",
                pen.name(image),
                reason.en(pen)
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
            Self::RanksAsThreads { ranks, processes } => format!(
                "采集时有 {ranks} 个 rank，本次运行有 {processes} 个进程，因此其 rank 以单进程内的线程运行；--nproc {ranks} 可使其成为进程"
            ),
            Self::WeightsBrought => "候选的权重、缓冲区与随机数由外部带入，因此其初始权重不作为依据".to_owned(),
            Self::Unusable { image, reason } => {
                format!("图像 {} 无法使用，改用下一张：{}", pen.name(image), reason.zh(pen))
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

impl Say for Damage {
    fn en(&self, pen: Pen) -> String {
        match self {
            Self::Unsupported { format } => format!("this is a {format} image"),
            Self::Unknown { length } => format!("this is not an image: its {length} bytes do not begin like one"),
            Self::TooLarge { width, height } => {
                format!("an image of {width}x{height} pixels is too large to decode")
            }
            Self::Truncated { format } => format!("the {format} image is truncated"),
            Self::Broken { format, why } => format!("the {format} image is broken: {}", pen.text(why)),
            Self::Unreadable(why) => pen.text(why),
        }
    }

    fn zh(&self, pen: Pen) -> String {
        match self {
            Self::Unsupported { format } => format!("不支持 {format} 格式"),
            Self::Unknown { length } => format!("文件（{length} 字节）开头不是任何图像格式的标识"),
            Self::TooLarge { width, height } => format!("{width}x{height} 像素，超出可解码的上限"),
            Self::Truncated { format } => format!("{format} 文件不完整"),
            Self::Broken { format, why } => format!("{format} 文件已损坏（{}）", pen.text(why)),
            Self::Unreadable(why) => format!("文件无法读取（{}）", pen.text(why)),
        }
    }
}
