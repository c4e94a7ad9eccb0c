//! The findings of `doctor`. Each finding has its state, its text and its remedy in one place, in every language.

mod cann;
mod cuda;
mod data;
mod host;
mod npu;
mod port;
mod python;
mod settings;

use crate::doctor::Said;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cann::Cann;
pub use cuda::Cuda;
pub use data::Data;
pub use host::Host;
pub use npu::{Npu, SmiFailure};
pub use port::{Edit, Port};
pub use python::{Premul, Python};
pub use settings::Settings;

/// A finding, by subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ailment {
    /// All is well, or there is nothing to find.
    Plain(Plain),
    /// Python and its packages.
    Python(Python),
    /// CANN, its environment, driver and firmware.
    Cann(Cann),
    /// The cards.
    Npu(Npu),
    /// Environment variables and ports.
    Settings(Settings),
    /// The machine around the cards.
    Host(Host),
    /// The edited PyTorch.
    Edit(Edit),
    /// The patched checkout.
    Port(Port),
    /// Golden sets and images.
    Data(Data),
    /// NVIDIA's cards.
    Cuda(Cuda),
}

/// What needs no remedy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Plain {
    /// It is as it should be.
    Fine {
        /// The thing.
        item: Item,
        /// Version, path or count: the same in every language.
        found: String,
    },
    /// It is not needed here.
    Idle {
        /// The thing.
        item: Item,
        /// Why not.
        why: Why,
    },
}

/// Why a thing is not looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The run is on another kind of device.
    OtherDevice {
        /// The kind that it would be for.
        needs: String,
    },
    /// It has to be named.
    NotGiven {
        /// The option that names it.
        option: String,
    },
    /// What it depends on is not here.
    Depends {
        /// On what.
        on: Item,
    },
    /// The system does not show it, as in many containers and virtual machines.
    NotShown {
        /// The file that would show it.
        file: String,
    },
}

/// Names of things, the same in every language.
macro_rules! items {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)+) => {
        /// A thing that a run needs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Item { $($(#[$doc])* $variant),+ }

        impl Item {
            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

items! {
    /// The program itself and its libtorch.
    Libtorch = "libtorch";
    /// Golden sets.
    Golden = "golden-sets";
    /// The interpreter.
    Python = "python";
    /// PyTorch.
    Pytorch = "pytorch";
    /// Ascend's extension of PyTorch.
    TorchNpu = "torch_npu";
    /// `distributed_c10d.py`.
    C10d = "distributed_c10d";
    /// CANN.
    Cann = "cann";
    /// What `set_env.sh` sets.
    CannEnvironment = "cann-environment";
    /// The NPU driver.
    Driver = "driver";
    /// The NPU firmware.
    Firmware = "firmware";
    /// Device files.
    Devices = "npu-devices";
    /// `npu-smi`.
    NpuSmi = "npu-smi";
    /// The cards.
    Npus = "npus";
    /// Health of the cards.
    Health = "npu-health";
    /// Memory of the cards.
    Memory = "npu-memory";
    /// Processes on the cards.
    Processes = "npu-processes";
    /// `ASCEND_RT_VISIBLE_DEVICES`.
    Visible = "visible-devices";
    /// Variables of the published run.
    Published = "published-variables";
    /// Variables that the published run does not set.
    Unpublished = "other-variables";
    /// HCCL.
    Hccl = "hccl";
    /// Ports.
    Ports = "ports";
    /// `/dev/shm`.
    Shm = "shared-memory";
    /// Open files.
    OpenFiles = "open-files";
    /// Locked memory.
    LockedMemory = "locked-memory";
    /// CPU governor.
    Governor = "cpu-governor";
    /// CPU affinity.
    Affinity = "cpu-affinity";
    /// Transparent huge pages.
    HugePages = "huge-pages";
    /// The patched checkout.
    Checkout = "checkout";
    /// Images.
    Dataset = "dataset";
    /// A sample of images.
    Images = "images";
    /// Room for checkpoints.
    Disk = "disk";
    /// NVIDIA's driver.
    CudaDriver = "cuda-driver";
    /// NVIDIA's cards.
    Gpus = "gpus";
    /// NCCL.
    Nccl = "nccl";
}

impl Ailment {
    /// The texts and the state.
    pub(crate) fn said(&self) -> Said {
        match self {
            Self::Plain(it) => it.said(),
            Self::Python(it) => it.said(),
            Self::Cann(it) => it.said(),
            Self::Npu(it) => it.said(),
            Self::Settings(it) => it.said(),
            Self::Host(it) => it.said(),
            Self::Edit(it) => it.said(),
            Self::Port(it) => it.said(),
            Self::Data(it) => it.said(),
            Self::Cuda(it) => it.said(),
        }
    }
}

impl Plain {
    fn said(&self) -> Said {
        match self {
            Self::Fine { item, found } => Said::ok(item.name(), found, found),
            Self::Idle { item, why } => {
                let [en, zh] = why.texts();
                Said::idle(item.name(), en, zh)
            }
        }
    }
}

impl Why {
    fn texts(&self) -> [String; 2] {
        match self {
            Self::OtherDevice { needs } => [format!("for --device {needs}"), format!("仅用于 --device {needs}")],
            Self::NotGiven { option } => {
                [format!("not looked at: name it with {option}"), format!("未检查：可用 {option} 指定")]
            }
            Self::Depends { on } => {
                [format!("not looked at without {}", on.name()), format!("{} 不可用，未检查", on.name())]
            }
            Self::NotShown { file } => [format!("not shown here: no {file}"), format!("此环境不提供 {file}")],
        }
    }
}

macro_rules! subjects {
    ($($subject:ident),+) => {
        $(impl From<$subject> for Ailment {
            fn from(finding: $subject) -> Self {
                Self::$subject(finding)
            }
        })+
    };
}

subjects!(Plain, Python, Cann, Npu, Settings, Host, Edit, Port, Data, Cuda);

/// A size in bytes, for people.
fn size(bytes: u64) -> String {
    let gib = bytes as f64 / f64::from(1 << 30);
    match bytes >> 20 {
        1024.. => format!("{gib:.1} GiB"),
        1.. => format!("{} MiB", bytes >> 20),
        0 => format!("{} KiB", bytes >> 10),
    }
}
