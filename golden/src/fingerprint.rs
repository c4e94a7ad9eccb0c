//! The fingerprint: the circumstances that decide whether the same bits can be expected.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The circumstances under which a precision was recorded. If all of them match, the same program gives the same bits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Version of libtorch, without the local part (`2.8.0`).
    pub torch: String,
    /// Processor architecture (`x86_64`).
    pub architecture: String,
    /// Kind of device (`cpu`).
    pub device: String,
    /// Maker of the processor as MKL sees it (`GenuineIntel`); `None` if the architecture has no such name. MKL honours
    /// its instruction set settings only on Intel's processors, and a preloaded library can make it treat other
    /// processors as Intel's.
    #[serde(deserialize_with = "crate::manifest::required")]
    pub cpu_vendor: Option<String>,
    /// Instruction set that libtorch's own kernels were pinned to.
    pub cpu_capability: String,
    /// Instruction set that MKL was pinned to; `None` if it was not pinned.
    #[serde(deserialize_with = "crate::manifest::required")]
    pub mkl_cbwr: Option<String>,
    /// Instruction set that oneDNN was pinned to; `None` if it was not pinned.
    #[serde(deserialize_with = "crate::manifest::required")]
    pub onednn_max_cpu_isa: Option<String>,
    /// Threads within an operation. The number decides how sums are split.
    pub threads: u32,
    /// Whether a GPU rounded the operands of float32 products to TF32. Recordings that do not say had it off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tf32: bool,
}

impl Fingerprint {
    /// The differences; empty if the fingerprints match. `self` is the recorded fingerprint.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let differs = |field: &Circumstance| self.value(*field) != other.value(*field);
        let difference = |field| Difference { field, recorded: self.value(field), here: other.value(field) };
        Circumstance::ALL.into_iter().filter(differs).map(difference).collect()
    }

    /// The value of one circumstance; none if the processor has no such name, or nothing is pinned.
    fn value(&self, field: Circumstance) -> Option<String> {
        match field {
            Circumstance::Torch => Some(self.torch.clone()),
            Circumstance::Architecture => Some(self.architecture.clone()),
            Circumstance::Device => Some(self.device.clone()),
            Circumstance::CpuVendor => self.cpu_vendor.clone(),
            Circumstance::CpuCapability => Some(self.cpu_capability.clone()),
            Circumstance::MklCbwr => self.mkl_cbwr.clone(),
            Circumstance::OnednnMaxCpuIsa => self.onednn_max_cpu_isa.clone(),
            Circumstance::Threads => Some(self.threads.to_string()),
            Circumstance::Tf32 => Some(if self.tf32 { "on" } else { "off" }.to_owned()),
            Circumstance::Code | Circumstance::Mode => None,
        }
    }
}

/// A part of a [`Fingerprint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circumstance {
    /// [`Fingerprint::torch`].
    Torch,
    /// [`Fingerprint::architecture`].
    Architecture,
    /// [`Fingerprint::device`].
    Device,
    /// [`Fingerprint::cpu_vendor`].
    CpuVendor,
    /// [`Fingerprint::cpu_capability`].
    CpuCapability,
    /// [`Fingerprint::mkl_cbwr`].
    MklCbwr,
    /// [`Fingerprint::onednn_max_cpu_isa`].
    OnednnMaxCpuIsa,
    /// [`Fingerprint::threads`].
    Threads,
    /// [`Fingerprint::tf32`].
    Tf32,
    /// The code that was recorded, which no fingerprint has: the reference's, or a patched one.
    Code,
    /// How the code ran, which no fingerprint has: eagerly or compiled.
    Mode,
}

impl Circumstance {
    /// Every circumstance that a fingerprint has, in the order of its fields.
    const ALL: [Self; 9] = [
        Self::Torch,
        Self::Architecture,
        Self::Device,
        Self::CpuVendor,
        Self::CpuCapability,
        Self::MklCbwr,
        Self::OnednnMaxCpuIsa,
        Self::Threads,
        Self::Tf32,
    ];
}

impl fmt::Display for Circumstance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Torch => "torch",
            Self::Architecture => "architecture",
            Self::Device => "device",
            Self::CpuVendor => "cpu vendor",
            Self::CpuCapability => "cpu capability",
            Self::MklCbwr => "MKL_CBWR",
            Self::OnednnMaxCpuIsa => "ONEDNN_MAX_CPU_ISA",
            Self::Threads => "threads",
            Self::Tf32 => "TF32",
            Self::Code => "code",
            Self::Mode => "mode",
        })
    }
}

/// A circumstance that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The circumstance.
    pub field: Circumstance,
    /// The value of the recording; `None` if it had none, such as no pin.
    pub recorded: Option<String>,
    /// The value of the compared run.
    pub here: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [recorded, here] = [&self.recorded, &self.here].map(|value| value.as_deref().unwrap_or("none"));
        write!(formatter, "{}: recorded with {recorded}, here {here}", self.field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fingerprint;

    #[test]
    fn equal_fingerprints_have_no_differences() {
        assert!(fingerprint().differences(&fingerprint()).is_empty());
    }

    #[test]
    fn every_field_is_compared() {
        let other = Fingerprint {
            torch: "2.9.0".into(),
            architecture: "aarch64".into(),
            device: "npu".into(),
            cpu_vendor: None,
            cpu_capability: "DEFAULT".into(),
            mkl_cbwr: None,
            onednn_max_cpu_isa: None,
            threads: 4,
            tf32: true,
        };
        let differences = fingerprint().differences(&other);
        let told = differences.iter().map(ToString::to_string);
        insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r"
        torch: recorded with 2.8.0, here 2.9.0
        architecture: recorded with x86_64, here aarch64
        device: recorded with cpu, here npu
        cpu vendor: recorded with GenuineIntel, here none
        cpu capability: recorded with AVX2, here DEFAULT
        MKL_CBWR: recorded with AVX2, here none
        ONEDNN_MAX_CPU_ISA: recorded with AVX2, here none
        threads: recorded with 2, here 4
        TF32: recorded with off, here on
        ");
    }
}
