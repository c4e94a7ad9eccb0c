//! CANN, its environment, driver and firmware.

use super::Item;
use crate::doctor::Said;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Findings on CANN and what is below it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cann {
    /// No toolkit was found.
    Absent {
        /// Where it was looked for.
        places: Vec<String>,
    },
    /// The file that says the version says none.
    Unreadable {
        /// The file.
        file: String,
    },
    /// Another release than the published one.
    Other {
        /// `version=` of the toolkit.
        version: String,
        /// Its inner version.
        inner: String,
    },
    /// `version=` and the C-number of the inner version do not belong together.
    Mixed {
        /// `version=` of the toolkit.
        version: String,
        /// Its inner version.
        inner: String,
        /// The C-number of that version.
        expected: String,
    },
    /// A package of the toolkit is not here.
    Lacks {
        /// The folder.
        folder: String,
    },
    /// A variable of `set_env.sh` is not set.
    NotSourced {
        /// The variable.
        variable: String,
        /// The script to source.
        script: String,
    },
    /// A variable of `set_env.sh` names what is not there.
    Gone {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
        /// The script to source.
        script: String,
    },
    /// The loader does not search a folder.
    NotSearched {
        /// The folder.
        folder: String,
        /// The script to source.
        script: String,
    },
    /// The loader searches the folder of stub libraries.
    Stubs {
        /// The folder.
        folder: String,
    },
    /// The driver is not here.
    NoDriver {
        /// Its file.
        file: String,
    },
    /// The driver does not list the CANN among what it is compatible with.
    DriverOfOtherCann {
        /// The driver's version.
        driver: String,
        /// The C-number of CANN.
        cann: String,
    },
    /// The firmware does not list the driver among what it is compatible with.
    FirmwareOfOtherDriver {
        /// The firmware's version.
        firmware: String,
        /// The driver's version.
        driver: String,
    },
}

impl Cann {
    pub(super) fn said(&self) -> Said {
        let (cann, environment) = (Item::Cann.name(), Item::CannEnvironment.name());
        match self {
            Self::Absent { places } => {
                let (en, zh) = (places.join(", "), places.join("、"));
                Said::missing(cann, format!("no toolkit is in {en}"), format!("以下位置没有 CANN Toolkit：{zh}")).fix(
                    "install Ascend-cann-toolkit 8.3.RC1 and Ascend-cann-kernels-910b 8.3.RC1, or use the image quay.io/ascend/cann:8.3.rc1-910b-ubuntu22.04-py3.11",
                    "安装 Ascend-cann-toolkit 8.3.RC1 与 Ascend-cann-kernels-910b 8.3.RC1，或使用镜像 quay.io/ascend/cann:8.3.rc1-910b-ubuntu22.04-py3.11",
                )
            }
            Self::Unreadable { file } => {
                Said::wrong(cann, format!("{file} has no version= and innerversion="), format!("{file} 中没有 version= 和 innerversion="))
                    .fix("install the toolkit again", "重新安装 CANN Toolkit")
            }
            Self::Other { version, inner } => Said::advice(
                cann,
                format!("{version} ({inner}); the published run has 8.3.RC1"),
                format!("{version}（{inner}）；公布的训练使用 8.3.RC1"),
            )
            .fix("install CANN 8.3.RC1 to repeat the published run", "如需复现公布的训练，请安装 CANN 8.3.RC1"),
            Self::Mixed { version, inner, expected } => Said::wrong(
                cann,
                format!("version={version} with innerversion={inner}, which should begin with {expected}: two releases are mixed"),
                format!("version={version}，而 innerversion={inner} 应以 {expected} 开头：混装了两个版本"),
            )
            .fix("uninstall both releases and install one", "卸载两个版本后只安装一个"),
            Self::Lacks { folder } => {
                Said::missing(cann, format!("{folder} is not there"), format!("缺少 {folder}")).fix(
                    "install the whole Ascend-cann-toolkit and Ascend-cann-kernels of this version",
                    "完整安装该版本的 Ascend-cann-toolkit 与 Ascend-cann-kernels",
                )
            }
            Self::NotSourced { variable, script } => {
                Said::missing(environment, format!("{variable} is not set"), format!("未设置 {variable}"))
                    .fix(format!("source {script}"), format!("source {script}"))
            }
            Self::Gone { variable, value, script } => Said::wrong(
                environment,
                format!("{variable} names {value}, which is not there"),
                format!("{variable} 指向的 {value} 不存在"),
            )
            .fix(
                format!("source {script} in a new shell, and drop the old value from your profile"),
                format!("在新的 shell 中 source {script}，并从 profile 中删除旧值"),
            ),
            Self::NotSearched { folder, script } => Said::wrong(
                environment,
                format!("LD_LIBRARY_PATH lacks {folder}"),
                format!("LD_LIBRARY_PATH 中缺少 {folder}"),
            )
            .fix(
                format!("source {script}, and later only add to LD_LIBRARY_PATH"),
                format!("source {script}，之后只可追加 LD_LIBRARY_PATH"),
            ),
            Self::Stubs { folder } => Said::wrong(
                environment,
                format!("LD_LIBRARY_PATH has {folder}: its libascend_hal.so is a stub that reaches no card"),
                format!("LD_LIBRARY_PATH 中含 {folder}：其中的 libascend_hal.so 是桩库，无法访问 NPU"),
            )
            .fix(
                "remove that folder: it is for machines without an NPU",
                "移除该目录：它仅用于没有 NPU 的机器",
            ),
            Self::NoDriver { file } => Said::missing(Item::Driver.name(), format!("no {file}"), format!("没有 {file}")).fix(
                "install the driver; in a container, mount /usr/local/Ascend/driver of the host",
                "安装驱动；在容器中请挂载宿主机的 /usr/local/Ascend/driver",
            ),
            Self::DriverOfOtherCann { driver, cann } => Said::advice(
                Item::Driver.name(),
                format!("{driver} does not list {cann} as compatible; such pairs are known to run"),
                format!("{driver} 未声明兼容 {cann}；已知此类组合可以运行"),
            )
            .fix("update the driver if aclInit fails", "若 aclInit 失败，请升级驱动"),
            Self::FirmwareOfOtherDriver { firmware, driver } => Said::advice(
                Item::Firmware.name(),
                format!("{firmware} does not list driver {driver} as compatible"),
                format!("{firmware} 未声明兼容驱动 {driver}"),
            )
            .fix(
                "update the firmware to the driver's release, and restart the machine",
                "将固件升级到与驱动配套的版本，并重启机器",
            ),
        }
    }
}
