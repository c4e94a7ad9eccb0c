//! Plugins of the harness (`model/plugins/include/dinov3_plugin.h`), and the checks that any plugin must pass.

pub mod conformance;

use std::path::Path;

/// The simulated plugin: a device on the host's memory, whose backend multiplies by PREMUL_SUM's factor itself. It takes the place of a
/// maker's plugin on machines without a device. `DINOV3_SIMULATED_FAULT` breaks it: see `model/plugins/simulated/faults.h`.
pub fn simulated() -> &'static Path {
    Path::new(env!("DINOV3_SIMULATED"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_was_made() {
        assert!(super::simulated().is_file());
    }
}
