//! Plugins of the harness (`model/plugins/include/dinov3_plugin.h`), and the checks that any plugin must pass.

pub mod conformance;

use std::path::Path;

/// The simulated plugin: a device on the host's memory, whose backend multiplies by PREMUL_SUM's factor itself. It takes the place of a
/// maker's plugin on machines without a device. `DINOV3_SIMULATED_FAULT` breaks it: see `model/plugins/simulated/faults.h`.
pub fn simulated() -> &'static Path {
    Path::new(env!("DINOV3_BUILT_SIMULATED"))
}

/// The simulated NPU: eight devices of the type `npu` on the host's memory, whose work waits in a queue, and a backend that lacks what HCCL
/// lacks. `DINOV3_SIMULATED_NPU_FAULT` breaks it: see `model/plugins/simulated_npu/faults.h`.
pub fn simulated_npu() -> &'static Path {
    Path::new(env!("DINOV3_BUILT_SIMULATED_NPU"))
}

/// The plugin for torch_npu, the half that finds out what is missing. `cargo ci npu` makes the other half beside a copy of it.
pub fn torch_npu() -> &'static Path {
    Path::new(env!("DINOV3_BUILT_TORCH_NPU"))
}

#[cfg(test)]
mod tests {
    /// Seen to fail: with `DINOV3_TORCH_NPU` for the library's place, which is torch_npu's folder to the plugin, and which `cargo run` sets.
    #[test]
    fn no_plugin_reads_a_variable_of_the_build() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let script = std::fs::read_to_string(folder.join("build.rs")).unwrap();
        let names: Vec<&str> = script.split('"').filter(|word| word.starts_with("DINOV3_BUILT_")).collect();
        assert_eq!(names.len(), 3);
        for plugin in ["simulated", "simulated_npu", "torch_npu"] {
            for source in std::fs::read_dir(folder.join(plugin)).unwrap() {
                let source = source.unwrap().path();
                let text = std::fs::read_to_string(&source).unwrap();
                let read = names.iter().find(|name| text.contains(&format!("\"{name}\"")));
                assert_eq!(read, None, "{}", source.display());
            }
        }
    }

    #[test]
    fn they_were_made() {
        assert!(super::simulated().is_file() && super::simulated_npu().is_file());
    }
}
