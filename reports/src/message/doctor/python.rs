//! Python, PyTorch and torch_npu.

use super::Item;
use crate::doctor::Said;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a build of torch_npu does with PREMUL_SUM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Premul {
    /// It raises.
    Raises,
    /// C++ raises; a patch of FSDP in Python divides first and then sums.
    DividedInPython,
    /// It multiplies the caller's own tensor, then sums.
    InPlace,
}

impl Premul {
    fn texts(self) -> [&'static str; 2] {
        match self {
            Self::Raises => ["PREMUL_SUM raises", "PREMUL_SUM 会报错"],
            Self::DividedInPython => [
                "PREMUL_SUM raises in C++, and FSDP divides first, in Python",
                "PREMUL_SUM 在 C++ 中报错，由 FSDP 的 Python 补丁先除后求和",
            ],
            Self::InPlace => {
                ["PREMUL_SUM multiplies the caller's tensor in place", "PREMUL_SUM 会原地改写调用者的张量"]
            }
        }
    }
}

/// Findings on Python and its packages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Python {
    /// There is no interpreter.
    Absent,
    /// The interpreter fails, or says nothing that can be read.
    Fails {
        /// Its file.
        program: String,
        /// What it said.
        said: String,
    },
    /// The interpreter does not answer.
    Hangs {
        /// Its file.
        program: String,
        /// For how long it was waited, in seconds.
        seconds: u64,
    },
    /// A version for which there are packages, and not the published one.
    NotPublished {
        /// The version.
        version: String,
    },
    /// A version for which there is no torch_npu 2.8.0.
    Unsupported {
        /// The version.
        version: String,
    },
    /// The interpreter has no shared library, which a process that embeds it needs.
    Static {
        /// The version.
        version: String,
    },
    /// PyTorch is not installed.
    NoTorch {
        /// The interpreter.
        python: String,
    },
    /// Another PyTorch.
    OtherTorch {
        /// The version.
        version: String,
    },
    /// A PyTorch for NVIDIA's cards beside torch_npu.
    CudaTorch {
        /// The version.
        version: String,
    },
    /// torch_npu is not installed.
    NoTorchNpu,
    /// torch_npu of another PyTorch.
    OtherTorchNpu {
        /// The version.
        version: String,
        /// PyTorch's.
        torch: String,
    },
    /// A post-release that is not in the table.
    UnknownTorchNpu {
        /// The version.
        version: String,
    },
    /// torch_npu is for another CANN.
    ForOtherCann {
        /// The version.
        version: String,
        /// The CANN that it is for.
        needs: String,
        /// The CANN that is here.
        found: String,
    },
    /// A known release, with the CANN that it is for.
    TorchNpu {
        /// The version.
        version: String,
        /// The tag of its sources.
        tag: String,
        /// The CANN that it is for.
        cann: String,
        /// What it does with PREMUL_SUM.
        premul: Premul,
    },
}

const INSTALL_TORCH: [&str; 2] = ["pip install torch==2.8.0", "pip install torch==2.8.0"];

impl Python {
    pub(super) fn said(&self) -> Said {
        let (python, torch, npu) = (Item::Python.name(), Item::Pytorch.name(), Item::TorchNpu.name());
        match self {
            Self::Absent => Said::missing(python, "no python3 is on PATH", "PATH 中没有 python3").fix(
                "install Python 3.11, or name the interpreter with --python",
                "安装 Python 3.11，或用 --python 指定解释器",
            ),
            Self::Fails { program, said } => {
                Said::wrong(python, format!("{program} fails: {said}"), format!("{program} 运行失败：{said}")).fix(
                    "repair the installation, or name another interpreter with --python",
                    "修复该 Python 安装，或用 --python 指定其他解释器",
                )
            }
            Self::Hangs { program, seconds } => Said::wrong(
                python,
                format!("{program} did not answer within {seconds} s"),
                format!("{program} 在 {seconds} 秒内无响应"),
            )
            .fix(
                "see what its start-up waits for (a network file system, sitecustomize), or name another one with --python",
                "检查其启动时在等待什么（网络文件系统、sitecustomize），或用 --python 指定其他解释器",
            ),
            Self::NotPublished { version } => {
                Said::advice(python, format!("{version}; the published run has 3.11"), format!("{version}；公布的训练使用 3.11"))
                    .fix("use Python 3.11", "使用 Python 3.11")
            }
            Self::Unsupported { version } => Said::wrong(
                python,
                format!("{version}; torch_npu 2.8.0 is for Python 3.9 to 3.11"),
                format!("{version}；torch_npu 2.8.0 仅支持 Python 3.9 至 3.11"),
            )
            .fix("make an environment with Python 3.11", "新建 Python 3.11 环境"),
            Self::Static { version } => Said::advice(
                python,
                format!("{version}, built without a shared library: a plugin cannot embed it"),
                format!("{version}，未构建共享库，插件无法嵌入该解释器"),
            )
            .fix(
                "use a Python that was configured with --enable-shared, such as the CANN image's",
                "使用以 --enable-shared 构建的 Python，例如 CANN 镜像自带的",
            ),
            Self::NoTorch { python } => {
                Said::missing(torch, format!("{python} has no torch"), format!("{python} 中没有 torch"))
                    .fix(INSTALL_TORCH[0], INSTALL_TORCH[1])
            }
            Self::OtherTorch { version } => {
                Said::wrong(torch, format!("{version}; the reference run is on 2.8.0"), format!("{version}；参考训练使用 2.8.0"))
                    .fix(INSTALL_TORCH[0], INSTALL_TORCH[1])
            }
            Self::CudaTorch { version } => Said::wrong(
                torch,
                format!("{version} is for CUDA: torch_npu refuses two accelerators"),
                format!("{version} 是 CUDA 版本：torch_npu 不允许同时存在两种加速器"),
            )
            .fix(
                "pip install --index-url https://download.pytorch.org/whl/cpu torch==2.8.0",
                "pip install --index-url https://download.pytorch.org/whl/cpu torch==2.8.0",
            ),
            Self::NoTorchNpu => Said::missing(npu, "torch_npu is not installed", "未安装 torch_npu")
                .fix("pip install torch_npu==2.8.0", "pip install torch_npu==2.8.0"),
            Self::OtherTorchNpu { version, torch } => Said::wrong(
                npu,
                format!("{version} beside PyTorch {torch}: the two releases must be the same"),
                format!("{version}，而 PyTorch 为 {torch}：两者版本必须一致"),
            )
            .fix("pip install torch==2.8.0 torch_npu==2.8.0", "pip install torch==2.8.0 torch_npu==2.8.0"),
            Self::UnknownTorchNpu { version } => Said::advice(
                npu,
                format!("{version} is not known here: what it does with PREMUL_SUM has to be measured"),
                format!("未知版本 {version}：其 PREMUL_SUM 的行为需要实测"),
            )
            .fix("dinov3-harness run --suite reduce-op --device npu", "dinov3-harness run --suite reduce-op --device npu"),
            Self::ForOtherCann { version, needs, found } => Said::wrong(
                npu,
                format!("{version} is for CANN {needs}, and CANN {found} is installed"),
                format!("{version} 对应 CANN {needs}，而已安装的是 CANN {found}"),
            )
            .fix(
                format!("install CANN {needs}, or the torch_npu of CANN {found}"),
                format!("安装 CANN {needs}，或安装与 CANN {found} 配套的 torch_npu"),
            ),
            Self::TorchNpu { version, tag, cann, premul } => {
                let [en, zh] = premul.texts();
                Said::ok(npu, format!("{version} ({tag}), for CANN {cann}; {en}"), format!("{version}（{tag}），对应 CANN {cann}；{zh}"))
            }
        }
    }
}
