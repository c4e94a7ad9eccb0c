//! The cards.

use super::{Item, size};
use crate::doctor::Said;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How `npu-smi` fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SmiFailure {
    /// It is not on PATH.
    NotFound,
    /// It does not answer.
    Hangs {
        /// For how long it was waited, in seconds.
        seconds: u64,
    },
    /// The driver refuses.
    Dcmi {
        /// What it said.
        said: String,
    },
    /// A library is not found.
    Library {
        /// The library.
        library: String,
    },
    /// Anything else.
    Fails {
        /// What it said.
        said: String,
    },
    /// Its table cannot be read.
    Unreadable {
        /// Its first line.
        said: String,
    },
}

/// Findings on the cards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Npu {
    /// There is no device file of a card.
    NoDevice,
    /// There are cards, and a file beside them is missing.
    LacksDevice {
        /// The file.
        file: String,
    },
    /// A device file cannot be opened.
    Denied {
        /// The file.
        file: String,
    },
    /// `npu-smi` fails.
    Smi(SmiFailure),
    /// Fewer dies than the published run has.
    Few {
        /// How many, and which.
        found: String,
    },
    /// Another chip.
    OtherChip {
        /// Its name, and how many there are.
        found: String,
    },
    /// A card that is not well.
    Unwell {
        /// The card's number.
        npu: u32,
        /// The die's number.
        chip: u32,
        /// What `npu-smi` says.
        health: String,
    },
    /// Little free memory.
    Full {
        /// The card's number.
        npu: u32,
        /// The die's number.
        chip: u32,
        /// Free memory, in bytes.
        free: u64,
        /// All memory, in bytes.
        total: u64,
    },
    /// Processes of others.
    Foreign {
        /// The processes.
        processes: Vec<String>,
    },
    /// A card was chosen that is not here.
    NotVisible {
        /// The value of `ASCEND_RT_VISIBLE_DEVICES`.
        value: String,
        /// The card that is not here.
        lacks: String,
        /// How many there are.
        count: usize,
    },
}

const MOUNTS: &str =
    "--device /dev/davinci0 (to 7) --device /dev/davinci_manager --device /dev/devmm_svm --device /dev/hisi_hdc";

impl SmiFailure {
    fn said(&self) -> Said {
        let item = Item::NpuSmi.name();
        match self {
            Self::NotFound => {
                Said::missing(item, "npu-smi is neither on PATH nor in /usr/local", "PATH 与 /usr/local 中都没有 npu-smi").fix(
                    "it comes with the driver; in a container: -v /usr/local/sbin/npu-smi:/usr/local/sbin/npu-smi",
                    "它随驱动安装；在容器中：-v /usr/local/sbin/npu-smi:/usr/local/sbin/npu-smi",
                )
            }
            Self::Hangs { seconds } => Said::wrong(
                item,
                format!("npu-smi info did not answer within {seconds} s: a card hangs"),
                format!("npu-smi info 在 {seconds} 秒内无响应：有 NPU 卡死"),
            )
            .fix(
                "on the host, see dmesg and `npu-smi info -t health -i N` card by card; reset that card or restart the machine",
                "在宿主机上查看 dmesg，并逐卡执行 `npu-smi info -t health -i N`；复位该卡或重启机器",
            ),
            Self::Dcmi { said } => {
                Said::wrong(item, format!("npu-smi reaches no driver: {said}"), format!("npu-smi 无法访问驱动：{said}")).fix(
                    "join the group HwHiAiUser (or use root), give the container the device files, and restart the machine after an update of driver or firmware",
                    "将用户加入 HwHiAiUser 组（或使用 root），为容器映射设备文件；驱动或固件升级后需重启机器",
                )
            }
            Self::Library { library } if library.contains("drvdsmi") => Said::wrong(
                item,
                format!("npu-smi does not find {library}"),
                format!("npu-smi 找不到 {library}"),
            )
            .fix(
                "export LD_LIBRARY_PATH=/usr/local/Ascend/driver/lib64/common:/usr/local/Ascend/driver/lib64/driver:$LD_LIBRARY_PATH",
                "export LD_LIBRARY_PATH=/usr/local/Ascend/driver/lib64/common:/usr/local/Ascend/driver/lib64/driver:$LD_LIBRARY_PATH",
            ),
            Self::Library { library } => {
                Said::wrong(item, format!("npu-smi does not find {library}"), format!("npu-smi 找不到 {library}"))
                    .fix("source CANN's set_env.sh", "source CANN 的 set_env.sh")
            }
            Self::Fails { said } => Said::wrong(item, format!("npu-smi info fails: {said}"), format!("npu-smi info 失败：{said}"))
                .fix("run `npu-smi info` by hand", "手动执行 `npu-smi info` 查看原因"),
            Self::Unreadable { said } => Said::wrong(
                item,
                format!("the table of npu-smi info is not understood; it begins: {said}"),
                format!("无法解析 npu-smi info 的表格，其首行为：{said}"),
            )
            .fix(
                "report this table, so that it can be read",
                "请反馈该表格，以便支持解析",
            ),
        }
    }
}

impl Npu {
    pub(super) fn said(&self) -> Said {
        let devices = Item::Devices.name();
        match self {
            Self::NoDevice => {
                Said::missing(devices, "there is no /dev/davinci0 to 63: this machine shows no NPU", "没有 /dev/davinci0 至 63：本机没有可见的 NPU")
                    .fix(
                        format!("install the driver; give a container {MOUNTS}"),
                        format!("安装驱动；容器需加参数 {MOUNTS}"),
                    )
            }
            Self::LacksDevice { file } => {
                Said::missing(devices, format!("{file} is not there, and the cards are"), format!("有 NPU 设备，但缺少 {file}"))
                    .fix(format!("give the container --device {file}"), format!("容器需加参数 --device {file}"))
            }
            Self::Denied { file } => {
                Said::wrong(devices, format!("{file} may not be opened by this user"), format!("当前用户无权打开 {file}")).fix(
                    "usermod -aG HwHiAiUser USER, then log in again; or use root",
                    "usermod -aG HwHiAiUser 用户名，然后重新登录；或使用 root",
                )
            }
            Self::Smi(failure) => failure.said(),
            Self::Few { found } => {
                Said::advice(Item::Npus.name(), format!("{found}; the published run has 8"), format!("{found}；公布的训练使用 8 卡"))
                    .fix(
                        "compare throughput per card, or use a machine with 8 cards",
                        "按单卡比较吞吐，或使用 8 卡机器",
                    )
            }
            Self::OtherChip { found } => Said::advice(
                Item::Npus.name(),
                format!("{found}; the published run is on an Atlas 800T A2 (910B1 to 910B3)"),
                format!("{found}；公布的训练使用 Atlas 800T A2（910B1 至 910B3）"),
            )
            .fix(
                "compare precision only, and not throughput",
                "只比较精度，不比较吞吐",
            ),
            Self::Unwell { npu, chip, health } => {
                Said::wrong(Item::Health.name(), format!("NPU {npu} chip {chip}: {health}"), format!("NPU {npu} 芯片 {chip}：{health}"))
                    .fix(
                        format!("npu-smi info -t health -i {npu} -c {chip} says the code; leave the card out with ASCEND_RT_VISIBLE_DEVICES"),
                        format!("用 npu-smi info -t health -i {npu} -c {chip} 查看错误码；用 ASCEND_RT_VISIBLE_DEVICES 排除该卡"),
                    )
            }
            Self::Full { npu, chip, free, total } => Said::wrong(
                Item::Memory.name(),
                format!("NPU {npu} chip {chip} has {} of {} free", size(*free), size(*total)),
                format!("NPU {npu} 芯片 {chip} 仅剩 {}，共 {}", size(*free), size(*total)),
            )
            .fix(
                "end the processes on it (the last table of npu-smi info), or choose other cards with ASCEND_RT_VISIBLE_DEVICES",
                "结束占用该卡的进程（见 npu-smi info 的最后一张表），或用 ASCEND_RT_VISIBLE_DEVICES 选择其他卡",
            ),
            Self::Foreign { processes } => {
                let (en, zh) = (processes.join(", "), processes.join("、"));
                Said::advice(Item::Processes.name(), format!("others compute here: {en}"), format!("有其他进程在使用：{zh}")).fix(
                    "measure performance only when they have ended",
                    "待其结束后再测量性能",
                )
            }
            Self::NotVisible { value, lacks, count } => Said::wrong(
                Item::Visible.name(),
                format!("ASCEND_RT_VISIBLE_DEVICES={value} names {lacks}; there are {count}, counted from 0"),
                format!("ASCEND_RT_VISIBLE_DEVICES={value} 中的 {lacks} 不存在；共有 {count} 个，从 0 编号"),
            )
            .fix(
                "npu-smi info -m lists the logic ids, which are the numbers to give",
                "应填写 npu-smi info -m 列出的 Logic ID",
            ),
        }
    }
}
