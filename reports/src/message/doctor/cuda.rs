//! NVIDIA's cards.

use super::{Item, size};
use crate::doctor::Said;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Findings on NVIDIA's cards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cuda {
    /// The driver is not loaded.
    NoDriver,
    /// The driver is older than CUDA needs.
    OldDriver {
        /// Its version.
        version: String,
        /// The oldest version that will do.
        needs: String,
        /// PyTorch's CUDA.
        cuda: String,
    },
    /// `nvidia-smi` fails.
    Smi {
        /// What it said.
        said: String,
    },
    /// `nvidia-smi` does not answer.
    Hangs {
        /// For how long it was waited, in seconds.
        seconds: u64,
    },
    /// Little free memory.
    Full {
        /// The card's number.
        gpu: usize,
        /// Free memory, in bytes.
        free: u64,
        /// All memory, in bytes.
        total: u64,
    },
    /// PyTorch has no CUDA.
    CpuTorch {
        /// Its version.
        version: String,
    },
    /// NCCL is not installed.
    NoNccl,
}

impl Cuda {
    pub(super) fn said(&self) -> Said {
        let gpus = Item::Gpus.name();
        match self {
            Self::NoDriver => Said::missing(
                Item::CudaDriver.name(),
                "no /proc/driver/nvidia/version: the driver is not loaded",
                "没有 /proc/driver/nvidia/version：未加载驱动",
            )
            .fix(
                "install NVIDIA's driver; start a container with --gpus all",
                "安装 NVIDIA 驱动；启动容器时加 --gpus all",
            ),
            Self::OldDriver { version, needs, cuda } => Said::wrong(
                Item::CudaDriver.name(),
                format!("{version}; PyTorch's CUDA {cuda} needs {needs} or newer"),
                format!("{version}；PyTorch 的 CUDA {cuda} 需要 {needs} 或更新版本"),
            )
            .fix("update NVIDIA's driver", "升级 NVIDIA 驱动"),
            Self::Smi { said } => {
                Said::wrong(gpus, format!("nvidia-smi fails: {said}"), format!("nvidia-smi 失败：{said}")).fix(
                    "run nvidia-smi by hand; restart after an update of the driver",
                    "手动执行 nvidia-smi；驱动升级后需重启",
                )
            }
            Self::Hangs { seconds } => Said::wrong(
                gpus,
                format!("nvidia-smi did not answer within {seconds} s"),
                format!("nvidia-smi 在 {seconds} 秒内无响应"),
            )
            .fix("see dmesg for Xid errors, and restart the machine", "查看 dmesg 中的 Xid 错误，并重启机器"),
            Self::Full { gpu, free, total } => Said::wrong(
                gpus,
                format!("GPU {gpu} has {} of {} free", size(*free), size(*total)),
                format!("GPU {gpu} 仅剩 {}，共 {}", size(*free), size(*total)),
            )
            .fix(
                "end the processes on it, or choose other cards with CUDA_VISIBLE_DEVICES",
                "结束占用该卡的进程，或用 CUDA_VISIBLE_DEVICES 选择其他卡",
            ),
            Self::CpuTorch { version } => {
                Said::wrong(Item::Pytorch.name(), format!("{version} has no CUDA"), format!("{version} 不含 CUDA")).fix(
                    "pip install torch==2.8.0 from PyPI, on x86-64",
                    "在 x86-64 上从 PyPI 安装：pip install torch==2.8.0",
                )
            }
            Self::NoNccl => {
                Said::missing(Item::Nccl.name(), "nvidia-nccl-cu12 is not installed", "未安装 nvidia-nccl-cu12")
                    .fix("pip install nvidia-nccl-cu12==2.27.3", "pip install nvidia-nccl-cu12==2.27.3")
            }
        }
    }
}
