//! Where the plugins are that come with the harness (`model/torch/shim/dinov3_plugin.h`): shared libraries, each over the libtorch of this build.

use std::path::Path;

/// A backend on the host's memory, which multiplies by PREMUL_SUM's factor itself: what a device's backend is to the harness, where there
/// is no device. `DINOV3_SIMULATED_FAULT` breaks it: see `plugins/simulated/backend.cpp`.
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
