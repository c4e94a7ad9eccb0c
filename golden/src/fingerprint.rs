//! The fingerprint: the circumstances that decide whether the same bits can be expected.

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
}

impl Fingerprint {
    /// The differences; empty if the fingerprints match. `self` is the recorded fingerprint.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        let fields = [
            ("torch", self.torch.clone(), other.torch.clone()),
            ("architecture", self.architecture.clone(), other.architecture.clone()),
            ("device", self.device.clone(), other.device.clone()),
            ("cpu vendor", text(&self.cpu_vendor), text(&other.cpu_vendor)),
            ("cpu capability", self.cpu_capability.clone(), other.cpu_capability.clone()),
            ("MKL_CBWR", text(&self.mkl_cbwr), text(&other.mkl_cbwr)),
            ("ONEDNN_MAX_CPU_ISA", text(&self.onednn_max_cpu_isa), text(&other.onednn_max_cpu_isa)),
            ("threads", self.threads.to_string(), other.threads.to_string()),
        ];
        fields
            .into_iter()
            .filter(|(_, recorded, here)| recorded != here)
            .map(|(field, recorded, here)| Difference { field, recorded, here })
            .collect()
    }
}

/// A circumstance that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The name of the circumstance.
    pub field: &'static str,
    /// The value of the recording.
    pub recorded: String,
    /// The value of the compared run.
    pub here: String,
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
        };
        let differences = fingerprint().differences(&other);
        let told =
            differences.iter().map(|it| format!("{}: recorded with {}, here {}", it.field, it.recorded, it.here));
        insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r"
        torch: recorded with 2.8.0, here 2.9.0
        architecture: recorded with x86_64, here aarch64
        device: recorded with cpu, here npu
        cpu vendor: recorded with GenuineIntel, here none
        cpu capability: recorded with AVX2, here DEFAULT
        MKL_CBWR: recorded with AVX2, here none
        ONEDNN_MAX_CPU_ISA: recorded with AVX2, here none
        threads: recorded with 2, here 4
        ");
    }
}
