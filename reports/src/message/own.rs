//! What is said of operations that are held against their own inputs.

use super::vocabulary::words;
use super::{Pen, Say};
use crate::Float;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

words! {
    /// What is measured of an operation's own error.
    pub Measure {
        /// Elements that are NaN or infinite where the local truth is not, or the reverse.
        NonFinite: "elements NaN or infinite", "NaN/Inf 元素数";
        /// The share of elements that are not the nearest number of their dtype.
        Misrounded: "share not rounded to nearest", "未正确舍入的元素占比";
        /// The root mean square of the error, in steps of the dtype.
        Rms: "root mean square in steps", "均方根误差（单位：末位步长）";
        /// The largest error, in steps of the dtype.
        Largest: "largest error in steps", "最大误差（单位：末位步长）";
        /// The mean error, in steps of the dtype.
        Bias: "mean error in steps", "平均误差（单位：末位步长）";
        /// The relative factor minus one.
        Factor: "factor minus one", "比例系数减一";
        /// The multiple of a known mistake.
        Mistake: "multiple of a known mistake", "已知错误的拟合倍数";
    }
}

/// A known mistake that explains an operation's error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Explanation {
    /// GELU's tanh approximation.
    GeluTanh {
        /// How many times smaller the error is with the approximation.
        better: Float,
        /// Elements that are not the exact GELU, rounded.
        exact: u64,
        /// Elements that are not the tanh approximation, rounded.
        tanh: u64,
    },
    /// The other epsilon in a norm.
    NormEps {
        /// How many times smaller the error is with the other epsilon.
        better: Float,
    },
    /// Another scale of attention's logits.
    AttentionScale {
        /// The factor.
        factor: Float,
    },
    /// Sinkhorn-Knopp with a round less.
    SinkhornRounds,
    /// Partial sums of fewer bits than float32 has.
    Accumulation,
    /// The output times a factor.
    Factor {
        /// The factor.
        factor: Float,
    },
    /// Queries and keys rotated with sine and cosine exchanged.
    SinCosSwapped {
        /// How many times smaller the error is against the exchanged rotation.
        better: Float,
    },
    /// The output times a whole number.
    Multiplied {
        /// The number.
        by: u32,
        /// How many times smaller the error is against the output times that number.
        better: Float,
    },
    /// The output over a whole number: a mean in the place of a sum.
    Divided {
        /// The number.
        by: u32,
        /// How many times smaller the error is against the output over that number.
        better: Float,
    },
    /// The output plus a constant.
    Bias {
        /// The constant, in steps.
        steps: Float,
    },
    /// A gradient that a moment received with a factor.
    Gradient {
        /// The factor; 0 is a moment that did not receive it.
        factor: Float,
    },
    /// A step of another length.
    Step {
        /// The factor.
        factor: Float,
    },
    /// A parameter that decays otherwise.
    Decay {
        /// The multiple of the decay of weights that the parameter has too much of; -1 is a parameter that does not decay.
        excess: Float,
    },
    /// An average that received the student with a factor.
    Student {
        /// The factor; 0 is an average that did not receive it.
        factor: Float,
    },
}

/// Why an operation is wrong by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnDefect {
    /// What is furthest beyond its limit.
    pub measure: Measure,
    /// How much was measured.
    pub value: Float,
    /// How much is allowed.
    pub limit: Float,
    /// The known mistake that explains it.
    pub explanation: Option<Explanation>,
    /// Tensors of the same kind with the same explanation.
    pub more: usize,
}

/// A factor with the digits that tell it from one.
fn near_one(factor: Float) -> String {
    let off = factor.0 - 1.0;
    if off.abs() < 1e-3 {
        format!("1 {} {:.2e}", if off < 0.0 { '-' } else { '+' }, off.abs())
    } else {
        format!("{:.4}", factor.0)
    }
}

fn is_none(factor: Float) -> bool {
    factor.0.abs() < 0.01
}

impl Say for Explanation {
    fn en(&self, _: Pen) -> String {
        match self {
            Self::GeluTanh { better, .. } if better.0 >= 2.0 => {
                format!("this is GELU's tanh approximation, which fits {:.0} times better than the exact one", better.0)
            }
            Self::GeluTanh { exact, tanh, .. } => format!(
                "this is GELU's tanh approximation: {exact} elements are not the exact GELU, {tanh} are not the approximation"
            ),
            Self::NormEps { better } => {
                format!("this is a norm with the other epsilon, which fits {:.1} times better", better.0)
            }
            Self::AttentionScale { factor } => format!("attention's logits are multiplied by {:.3}", factor.0),
            Self::SinkhornRounds => "Sinkhorn-Knopp goes two rounds, not three".to_owned(),
            Self::Accumulation => {
                "partial sums are rounded to fewer bits than float32 has, as by bf16 accumulation".to_owned()
            }
            Self::Factor { factor } => format!("the output is multiplied by {}", near_one(*factor)),
            Self::SinCosSwapped { better } => {
                format!("sine and cosine are swapped, which fits {:.0} times better", better.0)
            }
            Self::Multiplied { by, better } => {
                format!(
                    "it is {by} times what it should be, a sum in the place of a mean perhaps, which fits {:.0} times better",
                    better.0
                )
            }
            Self::Divided { by, better } => {
                format!(
                    "it is divided by {by}, a mean in the place of a sum perhaps, which fits {:.0} times better",
                    better.0
                )
            }
            Self::Bias { steps } => format!("{:+.3} steps are added to the output", steps.0),
            Self::Gradient { factor } if is_none(*factor) => "the moment did not receive the gradient".to_owned(),
            Self::Gradient { factor } => format!("the moment received the gradient times {:.3}", factor.0),
            Self::Step { factor } if is_none(*factor) => "the parameter did not take its step".to_owned(),
            Self::Step { factor } => format!("the step is {:.3} times as long: the learning rate is another", factor.0),
            Self::Decay { excess } if (excess.0 + 1.0).abs() < 0.05 => "the parameter does not decay".to_owned(),
            Self::Decay { excess } => format!("the parameter decays by {:+.3} of a weight's decay too much", excess.0),
            Self::Student { factor } if is_none(*factor) => "the average did not receive the student".to_owned(),
            Self::Student { factor } => format!("the average received the student times {:.3}", factor.0),
        }
    }

    fn zh(&self, _: Pen) -> String {
        match self {
            Self::GeluTanh { better, .. } if better.0 >= 2.0 => {
                format!("此处实际计算的是 GELU 的 tanh 近似，其拟合误差比精确 GELU 小 {:.0} 倍", better.0)
            }
            Self::GeluTanh { exact, tanh, .. } => {
                format!(
                    "此处实际计算的是 GELU 的 tanh 近似：{exact} 个元素不符合精确 GELU，{tanh} 个元素不符合 tanh 近似"
                )
            }
            Self::NormEps { better } => format!("归一化层使用了另一个 epsilon，其拟合误差小 {:.1} 倍", better.0),
            Self::AttentionScale { factor } => format!("注意力 logits 被乘以 {:.3}", factor.0),
            Self::SinkhornRounds => "Sinkhorn-Knopp 只迭代了两轮，而非三轮".to_owned(),
            Self::Accumulation => "部分和的精度低于 float32，例如以 bf16 累加".to_owned(),
            Self::Factor { factor } => format!("输出被乘以 {}", near_one(*factor)),
            Self::SinCosSwapped { better } => format!("sin 与 cos 对调，其拟合误差小 {:.0} 倍", better.0),
            Self::Multiplied { by, better } => {
                format!("结果为应有值的 {by} 倍，可能以求和代替了平均，其拟合误差小 {:.0} 倍", better.0)
            }
            Self::Divided { by, better } => {
                format!("结果被除以 {by}，可能以平均代替了求和，其拟合误差小 {:.0} 倍", better.0)
            }
            Self::Bias { steps } => format!("输出被加上 {:+.3} 个末位步长", steps.0),
            Self::Gradient { factor } if is_none(*factor) => "动量未接收到梯度".to_owned(),
            Self::Gradient { factor } => format!("动量接收到的梯度被乘以 {:.3}", factor.0),
            Self::Step { factor } if is_none(*factor) => "参数未被更新".to_owned(),
            Self::Step { factor } => format!("更新步长为应有值的 {:.3} 倍，即学习率不同", factor.0),
            Self::Decay { excess } if (excess.0 + 1.0).abs() < 0.05 => "参数没有权重衰减".to_owned(),
            Self::Decay { excess } => format!("参数的权重衰减多出 {:+.3} 倍", excess.0),
            Self::Student { factor } if is_none(*factor) => "教师网络 EMA 未接收到学生网络".to_owned(),
            Self::Student { factor } => format!("教师网络 EMA 接收到的学生网络被乘以 {:.3}", factor.0),
        }
    }
}

impl Say for OwnDefect {
    fn en(&self, pen: Pen) -> String {
        let Self { measure, value, limit, explanation, more } = self;
        let explanation = explanation.as_ref().map_or_else(String::new, |it| format!("{}; ", it.en(pen)));
        let more = match more {
            0 => String::new(),
            1 => "; 1 more tensor says the same".to_owned(),
            more => format!("; {more} more tensors say the same"),
        };
        let measure = measure.en(pen);
        format!("wrong by itself: {explanation}{measure} {:.3e}, limit {:.3e}{more}", value.0, limit.0)
    }

    fn zh(&self, pen: Pen) -> String {
        let Self { measure, value, limit, explanation, more } = self;
        let explanation = explanation.as_ref().map_or_else(String::new, |it| format!("{}；", it.zh(pen)));
        let more = if *more > 0 { format!("；另有 {more} 个张量情况相同") } else { String::new() };
        let measure = measure.zh(pen);
        format!("该算子自身计算有误：{explanation}{measure} {:.3e}，阈值 {:.3e}{more}", value.0, limit.0)
    }
}
