//! The closed vocabularies of results. They have the names of the golden format, and this crate knows no more of it.

use super::{Pen, Say};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares an enum without data whose variants have one text a language.
macro_rules! words {
    ($(#[$doc:meta])* $visibility:vis $name:ident { $($(#[$vdoc:meta])* $variant:ident: $en:literal, $zh:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ::serde::Serialize, ::serde::Deserialize, ::schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        $visibility enum $name { $($(#[$vdoc])* $variant),+ }

        impl $crate::message::Say for $name {
            fn en(&self, _: $crate::message::Pen) -> String {
                match self { $(Self::$variant => $en),+ }.to_owned()
            }

            fn zh(&self, _: $crate::message::Pen) -> String {
                match self { $(Self::$variant => $zh),+ }.to_owned()
            }
        }
    };
}
pub(super) use words;

words! {
    /// A part of a training step.
    pub Stage {
        /// Parameters and buffers after initialisation.
        Init: "init", "初始化";
        /// What the model receives.
        Data: "data", "数据";
        /// Activations.
        Forward: "forward", "前向";
        /// Loss terms.
        Loss: "loss", "损失";
        /// Gradients.
        Backward: "backward", "反向";
        /// Optimizer state and updates.
        Optimizer: "optimizer", "优化器";
        /// The teacher's moving average.
        Ema: "ema", "教师网络 EMA";
        /// Learning rate, weight decay, momentum and temperature.
        Schedule: "schedule", "超参调度";
        /// Values over many steps.
        Trajectory: "trajectory", "多步训练";
    }
}

/// In which arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// float64.
    Truth,
    /// float32.
    Fp32,
    /// Mixed precision with bfloat16.
    Bf16,
}

impl Precision {
    /// Its name, the same in all languages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Truth => "truth",
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
        }
    }
}

impl Say for Precision {
    fn en(&self, _: Pen) -> String {
        self.name().to_owned()
    }

    fn zh(&self, _: Pen) -> String {
        self.name().to_owned()
    }
}

words! {
    /// What became of one tensor.
    pub Outcome {
        /// The reference's bits. Passes.
        Identical: "identical", "二进制一致";
        /// Other bits, explained by rounding, where the same could not be expected. Passes.
        WithinTheLimit: "within the limit", "误差在阈值内";
        /// Other bits, explained by rounding, where the same were expected. Fails.
        NotIdentical: "not identical", "二进制不一致";
        /// Other bits, of which nothing can be said here. Neither passes nor fails.
        NotJudged: "not judged", "未判定";
        /// Further from the truth than rounding explains. Fails.
        BeyondTheLimit: "beyond the limit", "误差超出阈值";
        /// NaN or infinities where the truth has none, or the other way round. Fails.
        NonFinite: "not finite", "出现 NaN/Inf";
        /// Another shape. Fails.
        ShapeDiffers: "shape differs", "形状不一致";
        /// Another dtype. Fails.
        DtypeDiffers: "dtype differs", "数据类型不一致";
        /// The candidate did not show the tensor. Fails.
        Missing: "not observed", "未采集";
        /// The candidate did not show the tensor, which was allowed by name. Neither passes nor fails.
        Waived: "not observed, allowed", "未采集（已允许）";
        /// The golden set has no such tensor, or the candidate showed it twice. Fails.
        Unexpected: "unexpected", "多余";
    }
}

impl Outcome {
    /// Whether the tensor makes its check fail.
    pub fn fails(self) -> bool {
        !matches!(self, Self::Identical | Self::WithinTheLimit | Self::NotJudged | Self::Waived)
    }
}

words! {
    /// What is measured of a tensor.
    pub Metric {
        /// ‖candidate - truth‖ / ‖truth‖.
        RelativeL2: "relative l2", "欧氏相对距离";
        /// Largest |candidate - truth|, over the largest |truth|.
        MaxAbs: "max abs", "归一化最大绝对误差";
        /// The difference of the norms.
        Norm: "norm", "范数之差";
        /// The difference of the means.
        Mean: "mean", "均值之差";
        /// The difference of the smallest elements.
        Min: "minimum", "最小值之差";
        /// The difference of the largest elements.
        Max: "maximum", "最大值之差";
    }
}
