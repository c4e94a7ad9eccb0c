//! The machine around the cards.

use super::{Item, size};
use crate::doctor::Said;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Findings on the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Host {
    /// `/dev/shm` is small.
    SmallShm {
        /// Its size, in bytes.
        bytes: u64,
    },
    /// Few open files are allowed.
    FewFiles {
        /// How many.
        soft: u64,
    },
    /// Little memory may be locked.
    LittleLocked {
        /// How much, in bytes.
        bytes: u64,
    },
    /// Processors save power.
    Saves {
        /// The governors.
        governors: Vec<String>,
    },
    /// The process may use some processors alone.
    Restricted {
        /// How many.
        allowed: usize,
        /// How many there are.
        online: usize,
    },
    /// The control group allows less than the processors.
    Quota {
        /// Processors that the time is worth, in hundredths.
        hundredths: u64,
        /// Processors that may be used.
        allowed: usize,
    },
    /// Huge pages are off.
    NoHugePages,
    /// No room for one checkpoint.
    NoRoom {
        /// The folder.
        folder: String,
        /// Free space, in bytes.
        free: u64,
        /// Space of a checkpoint, in bytes.
        needs: u64,
    },
    /// No room for all checkpoints of the published run.
    LittleRoom {
        /// The folder.
        folder: String,
        /// Free space, in bytes.
        free: u64,
        /// Space of all, in bytes.
        needs: u64,
    },
    /// Nothing can be written there.
    NotWritable {
        /// The folder.
        folder: String,
    },
}

impl Host {
    pub(super) fn said(&self) -> Said {
        match self {
            Self::SmallShm { bytes } => Said::wrong(
                Item::Shm.name(),
                format!("/dev/shm has {}: the loaders of 8 ranks end in `bus error`", size(*bytes)),
                format!("/dev/shm 仅有 {}：8 卡的数据加载进程会因 bus error 退出", size(*bytes)),
            )
            .fix("docker run --shm-size 16g, or --ipc=host", "docker run --shm-size 16g，或 --ipc=host"),
            Self::FewFiles { soft } => Said::wrong(
                Item::OpenFiles.name(),
                format!("{soft} open files are allowed: 8 ranks with 10 loaders each need more"),
                format!("仅允许打开 {soft} 个文件：8 卡、每卡 10 个加载进程不够用"),
            )
            .fix("ulimit -n 65536", "ulimit -n 65536"),
            Self::LittleLocked { bytes } => Said::advice(
                Item::LockedMemory.name(),
                format!("{} may be locked", size(*bytes)),
                format!("可锁定内存仅 {}", size(*bytes)),
            )
            .fix(
                "ulimit -l unlimited (docker run --ulimit memlock=-1), for pinned memory and RDMA",
                "ulimit -l unlimited（docker run --ulimit memlock=-1），用于锁页内存与 RDMA",
            ),
            Self::Saves { governors } => Said::advice(
                Item::Governor.name(),
                format!("{}; the launch of operations is timed by the processor", governors.join(", ")),
                format!("{}；算子下发速度取决于 CPU", governors.join("、")),
            )
            .fix("cpupower frequency-set -g performance", "cpupower frequency-set -g performance"),
            Self::Restricted { allowed, online } => Said::advice(
                Item::Affinity.name(),
                format!("this process may use {allowed} of {online} processors"),
                format!("当前进程只能使用 {online} 个 CPU 中的 {allowed} 个"),
            )
            .fix(
                "start without taskset, numactl or --cpuset-cpus: CPU_AFFINITY_CONF spreads the ranks",
                "去掉 taskset、numactl 或 --cpuset-cpus：CPU_AFFINITY_CONF 会为各 rank 绑核",
            ),
            Self::Quota { hundredths, allowed } => {
                let worth = *hundredths as f64 / 100.0;
                Said::advice(
                    Item::Affinity.name(),
                    format!("the control group gives the time of {worth} processors, and {allowed} may be used"),
                    format!("cgroup 限制为 {worth} 个 CPU 的时间，而可用 CPU 为 {allowed} 个"),
                )
                .fix("start the container with more --cpus", "启动容器时提高 --cpus")
            }
            Self::NoHugePages => Said::advice(Item::HugePages.name(), "never", "never").fix(
                "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
                "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
            ),
            Self::NoRoom { folder, free, needs } => Said::wrong(
                Item::Disk.name(),
                format!("{folder} has {} free; one checkpoint of ViT-L takes {}", size(*free), size(*needs)),
                format!("{folder} 仅剩 {}；ViT-L 的一个 checkpoint 需要 {}", size(*free), size(*needs)),
            )
            .fix("name a folder on a larger disk with --output-dir", "用 --output-dir 指定更大磁盘上的目录"),
            Self::LittleRoom { folder, free, needs } => Said::advice(
                Item::Disk.name(),
                format!("{folder} has {} free; the published run leaves {}", size(*free), size(*needs)),
                format!("{folder} 剩余 {}；公布的完整训练会占用 {}", size(*free), size(*needs)),
            )
            .fix("make room before the full run", "完整训练前请腾出空间"),
            Self::NotWritable { folder } => Said::wrong(
                Item::Disk.name(),
                format!("nothing can be written in {folder}"),
                format!("{folder} 不可写"),
            )
            .fix("name another folder with --output-dir", "用 --output-dir 指定其他目录"),
        }
    }
}
