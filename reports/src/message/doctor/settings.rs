//! Environment variables and ports.

use super::Item;
use crate::doctor::Said;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Findings on environment variables and ports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Settings {
    /// A variable has not the published value.
    Differs {
        /// The variable.
        name: String,
        /// Its value, if it has one.
        value: Option<String>,
        /// The published value.
        published: String,
    },
    /// A variable is set that the published run does not set.
    Extra {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
    },
    /// Every operation waits for the one before it.
    Blocking {
        /// The value of `ASCEND_LAUNCH_BLOCKING`.
        value: String,
    },
    /// An overflow becomes a large number.
    Saturates {
        /// The value of `INF_NAN_MODE_ENABLE`.
        value: String,
    },
    /// A variable is not a number within its range.
    NoNumber {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
        /// The range.
        range: String,
    },
    /// `HCCL_IF_IP` is an address of another machine.
    NotOurs {
        /// The address.
        address: String,
        /// This machine's.
        own: Vec<String>,
    },
    /// Somebody listens on a port.
    Taken {
        /// The port.
        port: u16,
        /// Who wants it.
        user: String,
        /// The option or variable that chooses another one.
        change: String,
    },
}

impl Settings {
    pub(super) fn said(&self) -> Said {
        let (published, other, hccl) = (Item::Published.name(), Item::Unpublished.name(), Item::Hccl.name());
        match self {
            Self::Differs { name, value, published: wanted } => {
                let en = value.as_ref().map_or_else(|| format!("{name} is not set"), |value| format!("{name}={value}"));
                let zh = value.as_ref().map_or_else(|| format!("未设置 {name}"), |value| format!("{name}={value}"));
                Said::advice(
                    published,
                    format!("{en}; the published run has {wanted}"),
                    format!("{zh}；公布的训练为 {wanted}"),
                )
                .fix(format!("export {name}={wanted}"), format!("export {name}={wanted}"))
            }
            Self::Extra { name, value } => Said::advice(
                other,
                format!("{name}={value}; the published run does not set it"),
                format!("{name}={value}；公布的训练未设置"),
            )
            .fix(format!("unset {name} to repeat the published run"), format!("如需复现公布的训练：unset {name}")),
            Self::Blocking { value } => Said::advice(
                other,
                format!("ASCEND_LAUNCH_BLOCKING={value}: every operation waits, and TASK_QUEUE_ENABLE has no effect"),
                format!("ASCEND_LAUNCH_BLOCKING={value}：每个算子都会同步，TASK_QUEUE_ENABLE 不生效"),
            )
            .fix(
                "unset ASCEND_LAUNCH_BLOCKING before performance is measured",
                "测量性能前请 unset ASCEND_LAUNCH_BLOCKING",
            ),
            Self::Saturates { value } => Said::wrong(
                other,
                format!(
                    "INF_NAN_MODE_ENABLE={value}: an overflow becomes a large number, and no check for NaN sees it"
                ),
                format!("INF_NAN_MODE_ENABLE={value}：溢出会被饱和为大数，NaN 检查无法发现"),
            )
            .fix("unset INF_NAN_MODE_ENABLE", "unset INF_NAN_MODE_ENABLE"),
            Self::NoNumber { name, value, range } => Said::wrong(
                hccl,
                format!("{name}={value} is not a whole number from {range}"),
                format!("{name}={value} 不是 {range} 范围内的整数"),
            )
            .fix(
                format!("export {name}=N with N from {range}, or unset it"),
                format!("export {name}=N（N 的范围为 {range}），或 unset"),
            ),
            Self::NotOurs { address, own } => {
                let (en, zh) = (own.join(", "), own.join("、"));
                Said::wrong(
                    hccl,
                    format!("HCCL_IF_IP={address} is not an address of this machine ({en})"),
                    format!("HCCL_IF_IP={address} 不是本机地址（{zh}）"),
                )
                .fix(
                    "export HCCL_IF_IP with an address of this machine, or unset it on a single machine",
                    "将 HCCL_IF_IP 设为本机地址；单机训练可 unset",
                )
            }
            Self::Taken { port, user, change } => Said::wrong(
                Item::Ports.name(),
                format!("port {port} of {user} is taken"),
                format!("{user} 使用的端口 {port} 已被占用"),
            )
            .fix(
                format!("end the other job, or choose another port with {change}"),
                format!("结束占用端口的任务，或用 {change} 更换端口"),
            ),
        }
    }
}
