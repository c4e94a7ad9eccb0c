//! Golden sets and images.

use super::Item;
use crate::doctor::Said;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Findings on data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Data {
    /// There are no golden sets.
    NoGolden {
        /// Where they were looked for.
        places: Vec<String>,
    },
    /// The text of a dataset names none.
    NoDataset {
        /// What is wrong.
        why: String,
    },
    /// A table is missing or damaged.
    Tables {
        /// What is wrong.
        why: String,
    },
    /// Another number of images than the official one.
    OtherCount {
        /// Rows of the table.
        images: usize,
        /// The official number.
        official: usize,
    },
    /// Images of the sample are not where the table says.
    Gone {
        /// How many.
        gone: usize,
        /// Of how many.
        of: usize,
        /// The first.
        first: String,
    },
    /// An image of the sample cannot be decoded.
    Broken {
        /// How many.
        broken: usize,
        /// Of how many.
        of: usize,
        /// The first.
        first: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Data {
    pub(super) fn said(&self) -> Said {
        match self {
            Self::NoGolden { places } => {
                let (en, zh) = (places.join(", "), places.join("、"));
                Said::missing(
                    Item::Golden.name(),
                    format!("no golden sets are in {en}"),
                    format!("以下位置没有标杆数据：{zh}"),
                )
                .fix("name their folder with --golden or DINOV3_GOLDEN", "用 --golden 或 DINOV3_GOLDEN 指定其目录")
            }
            Self::NoDataset { why } => Said::wrong(Item::Dataset.name(), why, why).fix(
                "write it as the reference does: ImageNet:split=TRAIN:root=DIR:extra=DIR",
                "按参考代码的格式书写：ImageNet:split=TRAIN:root=DIR:extra=DIR",
            ),
            Self::Tables { why } => Said::missing(Item::Dataset.name(), why, why).fix(
                "dinov3-harness data prepare --root DIR --extra DIR",
                "dinov3-harness data prepare --root DIR --extra DIR",
            ),
            Self::OtherCount { images, official } => Said::advice(
                Item::Dataset.name(),
                format!(
                    "{images} images; the official split has {official}, and the reference stops at any other number"
                ),
                format!("共 {images} 张图像；官方划分为 {official} 张，参考代码遇到其他数目会停止"),
            )
            .fix(
                "bring the missing images, then dinov3-harness data prepare",
                "补齐图像后执行 dinov3-harness data prepare",
            ),
            Self::Gone { gone, of, first } => Said::missing(
                Item::Images.name(),
                format!("{gone} of {of} images are not where the table says; the first: {first}"),
                format!("抽查 {of} 张图像，{gone} 张不在表中所示位置；首个为 {first}"),
            )
            .fix(
                "name the folder that holds train/ and val/ as root=, or prepare the tables again",
                "root= 应为包含 train/ 与 val/ 的目录；否则请重新生成表",
            ),
            Self::Broken { broken, of, first, why } => Said::wrong(
                Item::Images.name(),
                format!("{broken} of {of} images cannot be decoded; the first: {first}: {why}"),
                format!("抽查 {of} 张图像，{broken} 张无法解码；首个为 {first}：{why}"),
            )
            .fix("copy these files again", "重新拷贝这些文件"),
        }
    }
}
