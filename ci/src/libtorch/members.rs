//! Which members of a wheel belong into a libtorch folder, and where.

use std::path::{Component, Path, PathBuf};

/// Where the wheel's member goes in the folder, or `None` if it is not wanted.
///
/// Wanted are all headers, and those of `libraries` (file names) that lie where wheels keep shared libraries. What CUDA
/// or Python need is left out: it is most of the wheel, and it would ask for libraries that are not there.
pub fn destination(member: &str, libraries: &[&str]) -> Option<PathBuf> {
    let path = Path::new(member);
    let plain = path.components().all(|component| matches!(component, Component::Normal(_)));
    if !plain || member.ends_with('/') {
        return None;
    }
    if let Ok(header) = path.strip_prefix("torch/include") {
        return Some(Path::new("include").join(header));
    }
    let name = path.file_name()?.to_str()?;
    (libraries.contains(&name) && is_library_folder(path.parent()?)).then(|| Path::new("lib").join(name))
}

fn is_library_folder(folder: &Path) -> bool {
    // `torch.libs` is where auditwheel puts what it bundles; NVIDIA's wheels have `nvidia/<part>/lib`.
    folder == Path::new("torch/lib")
        || folder == Path::new("torch.libs")
        || (folder.starts_with("nvidia") && folder.ends_with("lib") && folder.components().count() == 3)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::super::recipe::{Host, Recipe};
    use super::*;

    /// Members of the real wheels, one or more of each kind.
    const MEMBERS: &str = "\
torch/__init__.py
torch/_C.cpython-311-x86_64-linux-gnu.so
torch/bin/protoc
torch/include/
torch/include/ATen/ATen.h
torch/include/torch/csrc/api/include/torch/version.h
torch/lib/libc10.so
torch/lib/libc10_cuda.so
torch/lib/libcaffe2_nvrtc.so
torch/lib/libgomp.so.1
torch/lib/libshm.so
torch/lib/libshm/CMakeLists.txt
torch/lib/libtorch.so
torch/lib/libtorch_cpu.so
torch/lib/libtorch_cuda.so
torch/lib/libtorch_cuda_linalg.so
torch/lib/libtorch_global_deps.so
torch/lib/libtorch_python.so
torch/share/cmake/Torch/TorchConfig.cmake
torch/testing/libc10.so
torch-2.8.0.dist-info/RECORD
torch.libs/libarm_compute-cf8c0b82.so
torch.libs/libarm_compute_graph-91f54ff9.so
torch.libs/libgfortran-8a9a71bc.so.5.0.0
torch.libs/libgomp-947d5fa1.so.1.0.0
torch.libs/libopenblasp-r0-121ca252.3.30.so
nvidia/cuda_runtime/include/cuda.h
nvidia/cuda_runtime/lib/libcudart.so.12
nvidia/cuda_cupti/lib/libcupti.so.12
nvidia/cuda_cupti/lib/libnvperf_host.so
";

    fn table(architecture: &'static str) -> String {
        let recipe = Recipe::for_host(Host { system: "linux", architecture, glibc: true }).unwrap();
        MEMBERS.lines().fold(String::new(), |mut table, member| {
            let place = destination(member, recipe.libraries);
            let place = place.map_or_else(|| "-".to_owned(), |place| place.display().to_string());
            writeln!(table, "{member:<56}{place}").unwrap();
            table
        })
    }

    #[test]
    fn what_is_kept_of_the_x86_64_wheels() {
        insta::assert_snapshot!(table("x86_64"));
    }

    #[test]
    fn what_is_kept_of_the_aarch64_wheel() {
        insta::assert_snapshot!(table("aarch64"));
    }

    #[test]
    fn no_member_leaves_the_folder() {
        for member in ["/torch/lib/libc10.so", "torch/include/../../../etc/passwd", "../torch/include/a.h", ""] {
            assert_eq!(destination(member, &["libc10.so"]), None, "{member}");
        }
    }
}
