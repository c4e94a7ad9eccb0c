//! What a run needs of its machine, and what is wrong with it: one line per thing, with the fix.
//!
//! [`examine`] looks at a [`Machine`] for a [`Request`] and gives [`DoctorLine`]s, which `dinov3-reports` puts into words. It changes
//! nothing, loads no libtorch and no library of an accelerator: it reads files, and starts `python3`, `npu-smi` and `nvidia-smi` with a
//! limit of time. A `Machine` has a root folder and variables of its own, so that tests show it machines that are not there.

mod cann;
mod cuda;
mod data;
mod host;
mod machine;
mod npu;
mod port;
mod program;
mod python;
mod settings;

use std::path::PathBuf;

use dinov3_reports::DoctorLine;
use dinov3_reports::message::{Ailment, Item, Plain, Why};

pub use machine::{Machine, Measures};

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The processor.
    Cpu,
    /// NVIDIA's cards.
    Cuda,
    /// Ascend's cards.
    Npu,
}

impl Family {
    /// Its name in `--device`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Npu => "npu",
        }
    }

    /// The kind whose files are on the machine: NPU before CUDA before the processor.
    pub fn of(machine: &Machine) -> Self {
        let is_there = |path: &str| machine.path(path).exists();
        let ascend =
            !npu::dies(machine).is_empty() || is_there("/usr/local/Ascend") || is_there("/etc/ascend_install.info");
        match (ascend, is_there("/proc/driver/nvidia")) {
            (true, _) => Self::Npu,
            (_, true) => Self::Cuda,
            _ => Self::Cpu,
        }
    }
}

/// What is to be looked at.
#[derive(Clone, Debug)]
pub struct Request {
    /// What the run computes on.
    pub device: Family,
    /// Whether Python matters: not for the head of a report of a run on the processor, which needs none.
    pub python: bool,
    /// The interpreter. Where none is named: the value of `DINOV3_PYTHON`, or `python3` on PATH.
    pub interpreter: Option<PathBuf>,
    /// A checkout of the reference, patched or not.
    pub checkout: Option<PathBuf>,
    /// Images, as the reference names them: `ImageNet:split=TRAIN:root=DIR:extra=DIR`.
    pub dataset: Option<String>,
    /// Where checkpoints would go.
    pub output: PathBuf,
}

impl Request {
    /// Everything for this device, with nothing named.
    pub fn on(device: Family) -> Self {
        Self { device, python: true, interpreter: None, checkout: None, dataset: None, output: ".".into() }
    }
}

/// The findings, the device first: the first bad one is the first thing to mend.
pub fn examine(machine: &Machine, request: &Request) -> Vec<DoctorLine> {
    let mut findings = Findings::default();
    let on_npu = request.device == Family::Npu;
    let toolkit = if on_npu {
        npu::look(machine, &mut findings);
        cann::look(machine, &mut findings)
    } else {
        findings.idle(Item::Npus, Why::OtherDevice { needs: "npu".to_owned() });
        None
    };
    if request.device == Family::Cuda {
        cuda::look(machine, &mut findings);
    } else {
        findings.idle(Item::Gpus, Why::OtherDevice { needs: "cuda".to_owned() });
    }
    if request.python {
        let packages = python::look(machine, request, toolkit.as_ref(), &mut findings);
        port::look_at_torch(packages.as_ref(), on_npu, &mut findings);
    }
    if on_npu {
        settings::look(machine, &mut findings);
    }
    host::look(machine, request, &mut findings);
    port::look_at_checkout(request, &mut findings);
    data::look(request, &mut findings);
    findings.0
}

/// Findings, in order.
#[derive(Default)]
struct Findings(Vec<DoctorLine>);

impl Findings {
    fn add(&mut self, finding: impl Into<Ailment>) {
        let finding: Ailment = finding.into();
        self.0.push(finding.into());
    }

    fn fine(&mut self, item: Item, found: impl Into<String>) {
        self.add(Plain::Fine { item, found: found.into() });
    }

    fn idle(&mut self, item: Item, why: Why) {
        self.add(Plain::Idle { item, why });
    }

    /// Adds the findings, or says that all is well where there are none.
    fn all_or_fine<T: Into<Ailment>>(&mut self, item: Item, findings: Vec<T>, found: impl Into<String>) {
        if findings.is_empty() {
            return self.fine(item, found);
        }
        findings.into_iter().for_each(|finding| self.add(finding));
    }
}

#[cfg(test)]
mod tests;
