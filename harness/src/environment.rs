//! The environment of a run, for its report.

use std::time::SystemTime;

use dinov3_reports::{Environment, Judged, Tool};
use dinov3_torch::device::Device;
use dinov3_torch::runtime;
use sysinfo::{CpuRefreshKind, RefreshKind, System};

use crate::commands::doctor;

/// This program.
pub fn tool() -> Tool {
    Tool {
        name: "dinov3-harness".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: option_env!("DINOV3_REVISION").map(str::to_owned),
    }
}

/// This machine, libtorch, and the pins of its arithmetic on `device`.
pub fn environment(judged: Judged, device: Device) -> Environment {
    let cpu = System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()))
        .ok()
        .and_then(|system| system.cpus().first().map(|cpu| cpu.brand().trim().to_owned()))
        .filter(|brand| !brand.is_empty());
    let pins = runtime::AVX2.iter().filter_map(|(name, _)| Some(((*name).to_owned(), runtime::pinned(name)?)));
    // Golden sets are judged without it: see `dinov3_torch::device::set_tf32`.
    let tf32 = matches!(device, Device::Cuda(_)).then(|| ("TF32".to_owned(), "off for golden sets".to_owned()));
    Environment {
        libtorch: dinov3_torch::shim::torch_version(),
        judged,
        cpu: cpu.unwrap_or_else(|| "unknown".to_owned()),
        cpu_capability: dinov3_torch::shim::cpu_capability(),
        threads: runtime::threads(),
        os: System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.to_owned()),
        architecture: std::env::consts::ARCH.to_owned(),
        pins: pins.chain(tf32).collect(),
        doctor: doctor::of_a_run(&device),
        started: Some(humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
        seconds: 0.0,
    }
}
