//! Plugins of the harness (`model/plugins/include/dinov3_plugin.h`), and the checks that any plugin must pass.

pub mod conformance;

use std::path::Path;

/// The simulated plugin: a device on the host's memory, whose backend multiplies by PREMUL_SUM's factor itself. It takes the place of a
/// maker's plugin on machines without a device. `DINOV3_SIMULATED_FAULT` breaks it: see `model/plugins/simulated/faults.h`.
pub fn simulated() -> &'static Path {
    Path::new(env!("DINOV3_SIMULATED"))
}

/// The simulated NPU: eight devices of the type `npu` on the host's memory, whose work waits in a queue, and a backend that lacks what HCCL
/// lacks. `DINOV3_SIMULATED_NPU_FAULT` breaks it: see `model/plugins/simulated_npu/faults.h`.
pub fn simulated_npu() -> &'static Path {
    Path::new(env!("DINOV3_SIMULATED_NPU"))
}

/// The plugin for torch_npu, the half that finds out what is missing. `cargo ci npu` makes the other half beside a copy of it.
pub fn torch_npu() -> &'static Path {
    Path::new(env!("DINOV3_TORCH_NPU"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn they_were_made() {
        assert!(super::simulated().is_file() && super::simulated_npu().is_file());
    }
}
