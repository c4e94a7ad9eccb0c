//! Why a tensor is wrong, or is not judged.

use super::vocabulary::words;
use super::{Metric, Pen, Say};
use crate::Float;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a tensor is wrong, or is not judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A metric is beyond its limit, which is k times the yardstick and a floor.
    Limit {
        /// What was measured.
        metric: Metric,
        /// Error of the candidate.
        error: Float,
        /// The reference's own error.
        yardstick: Float,
        /// How many times that a candidate may have.
        k: Float,
        /// Largest error that passes.
        limit: Float,
    },
    /// The environments match, so rounding is no excuse.
    BitsExpected,
    /// Integers or booleans that differ, by so much at most where that is known.
    WholeNumbers {
        /// The largest difference.
        largest: Option<Float>,
    },
    /// So many elements are NaN or infinite, unlike the truth's.
    NonFiniteElements {
        /// How many of the stored elements.
        count: u64,
    },
    /// NaN or infinities, in another number than there should be.
    NonFiniteCount {
        /// How many there are.
        found: u64,
        /// How many there should be.
        expected: u64,
    },
    /// NaN or infinities in a free run.
    NonFiniteInAFreeRun {
        /// How many there are.
        found: u64,
        /// How many there should be.
        expected: u64,
    },
    /// There is no truth to measure rounding against.
    NoTruth,
    /// The golden set stores elements, and the candidate has none to compare.
    NotCompared,
    /// A buffer has other bits.
    Buffer,
    /// Meters do the same float64 sums on every machine.
    Meter,
    /// A meter of another series.
    OtherSeries {
        /// The series.
        trajectory: String,
    },
    /// A free run on other hardware.
    FreeRun,
    /// Another dtype.
    Dtype {
        /// The golden set's.
        golden: String,
        /// The candidate's.
        candidate: String,
    },
    /// Another shape.
    Shape {
        /// The golden set's.
        golden: Vec<usize>,
        /// The candidate's.
        candidate: Vec<usize>,
    },
    /// The candidate did not show it.
    NeverObserved,
    /// The candidate showed it twice.
    Twice,
    /// The golden set has no such entry.
    NoSuchEntry,
}

impl Say for Reason {
    fn en(&self, pen: Pen) -> String {
        match self {
            Self::Limit { metric, error, yardstick, k, limit } => format!(
                "{}: error {:.2e}, limit {:.2e} (k = {}, yardstick {:.2e})",
                metric.en(pen),
                error.0,
                limit.0,
                k.0,
                yardstick.0
            ),
            Self::BitsExpected => "the fingerprints match, so the same bits were expected".to_owned(),
            Self::WholeNumbers { largest: None } => "whole numbers must be equal".to_owned(),
            Self::WholeNumbers { largest: Some(largest) } => {
                format!("whole numbers must be equal; the largest difference is {}", largest.0)
            }
            Self::NonFiniteElements { count } => {
                format!("{count} stored elements are NaN or infinite, unlike the truth's")
            }
            Self::NonFiniteCount { found, expected } => {
                format!("{found} elements are NaN or infinite, {expected} should be")
            }
            Self::NonFiniteInAFreeRun { found, expected } => {
                format!("{found} elements are NaN or infinite, {expected} should be: a free run explains no such thing")
            }
            Self::NoTruth => "no truth was recorded to measure rounding against, and the bits differ".to_owned(),
            Self::NotCompared => "the stored elements were not compared".to_owned(),
            Self::Buffer => {
                "the buffer has other bits: all that is computed with it differs, so compute it as the reference does, or bring it"
                    .to_owned()
            }
            Self::Meter => {
                "meters add up the same numbers in float64 on every machine: the same bits were expected".to_owned()
            }
            Self::OtherSeries { trajectory } => format!("it sums up another {}", pen.name(trajectory)),
            Self::FreeRun => "a free run on other hardware parts by chaos".to_owned(),
            Self::Dtype { golden, candidate } => format!("golden {golden}, candidate {candidate}"),
            Self::Shape { golden, candidate } => format!("golden {golden:?}, candidate {candidate:?}"),
            Self::NeverObserved => "it was never observed".to_owned(),
            Self::Twice => "it was observed a second time".to_owned(),
            Self::NoSuchEntry => "the golden set has no entry of this name at this precision".to_owned(),
        }
    }

    fn zh(&self, pen: Pen) -> String {
        match self {
            Self::Limit { metric, error, yardstick, k, limit } => format!(
                "{} {:.2e}，阈值 {:.2e}（k = {}，标杆自身误差 {:.2e}）",
                metric.zh(pen),
                error.0,
                limit.0,
                k.0,
                yardstick.0
            ),
            Self::BitsExpected => "运行环境与标杆采集环境相同，本应二进制一致".to_owned(),
            Self::WholeNumbers { largest: None } => "整数必须完全相等".to_owned(),
            Self::WholeNumbers { largest: Some(largest) } => format!("整数必须完全相等，最大差值为 {}", largest.0),
            Self::NonFiniteElements { count } => format!("已保存的元素中有 {count} 个为 NaN/Inf，与真值不符"),
            Self::NonFiniteCount { found, expected } => format!("{found} 个元素为 NaN/Inf，应为 {expected} 个"),
            Self::NonFiniteInAFreeRun { found, expected } => {
                format!("{found} 个元素为 NaN/Inf，应为 {expected} 个；连续多步训练的误差累积不会造成这种情况")
            }
            Self::NoTruth => "标杆数据集未采集真值，无法衡量舍入误差，而二进制又不一致".to_owned(),
            Self::NotCompared => "已保存的元素未参与比对".to_owned(),
            Self::Buffer => "缓冲区的二进制值不同，凡用到它的计算都会不同，请按标杆方式计算或由外部带入".to_owned(),
            Self::Meter => "日志统计值在任何机器上都由相同的数以 float64 累加得到，本应二进制一致".to_owned(),
            Self::OtherSeries { trajectory } => format!("统计的是另一组 {} 记录值", pen.name(trajectory)),
            Self::FreeRun => "在其他硬件上连续训练多步，误差会逐步累积放大".to_owned(),
            Self::Dtype { golden, candidate } => format!("标杆为 {golden}，待测为 {candidate}"),
            Self::Shape { golden, candidate } => format!("标杆为 {golden:?}，待测为 {candidate:?}"),
            Self::NeverObserved => "待测侧未采集到该张量".to_owned(),
            Self::Twice => "待测侧重复采集到该张量".to_owned(),
            Self::NoSuchEntry => "标杆数据集在该精度下没有同名条目".to_owned(),
        }
    }
}

words! {
    /// A circumstance that decides whether the same bits can be expected.
    pub Circumstance {
        /// The version of libtorch.
        #[serde(rename = "torch")]
        Torch: "torch", "libtorch 版本";
        /// The architecture of the processor.
        #[serde(rename = "architecture")]
        Architecture: "architecture", "处理器架构";
        /// The kind of device.
        #[serde(rename = "device")]
        Device: "device", "设备类型";
        /// The processor's maker, as MKL sees it.
        #[serde(rename = "cpu vendor")]
        CpuVendor: "cpu vendor", "CPU 厂商";
        /// The instruction set of libtorch's own kernels.
        #[serde(rename = "cpu capability")]
        CpuCapability: "cpu capability", "CPU 指令集";
        /// The instruction set that MKL is pinned to, by this variable.
        #[serde(rename = "MKL_CBWR")]
        MklCbwr: "MKL_CBWR", "MKL_CBWR";
        /// The instruction set that oneDNN is pinned to, by this variable.
        #[serde(rename = "ONEDNN_MAX_CPU_ISA")]
        OnednnMaxCpuIsa: "ONEDNN_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA";
        /// Threads within an operation.
        #[serde(rename = "threads")]
        Threads: "threads", "线程数";
        /// Whether a GPU rounds the operands of float32 products to TF32.
        #[serde(rename = "TF32")]
        Tf32: "TF32", "TF32";
        /// The code that ran: the reference's, or a patched one.
        #[serde(rename = "code")]
        Code: "code", "代码";
        /// Eager or compiled.
        #[serde(rename = "mode")]
        Mode: "mode", "模式";
    }
}

/// A circumstance that differs from that of the recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Which one.
    pub field: Circumstance,
    /// That of the golden set's recording; null where it had none, such as no pin.
    pub recorded: Option<String>,
    /// That of whoever is judged.
    pub judged: Option<String>,
}

impl Say for Difference {
    fn en(&self, pen: Pen) -> String {
        let [recorded, judged] = self.values("none", pen);
        format!("{}: golden set {recorded}, judged {judged}", self.field.en(pen))
    }

    fn zh(&self, pen: Pen) -> String {
        let [recorded, judged] = self.values("无", pen);
        format!("{}：标杆 {recorded}，待测 {judged}", self.field.zh(pen))
    }
}

impl Difference {
    fn values(&self, none: &str, pen: Pen) -> [String; 2] {
        [&self.recorded, &self.judged].map(|it| it.as_deref().map_or_else(|| none.to_owned(), |it| pen.text(it)))
    }
}
