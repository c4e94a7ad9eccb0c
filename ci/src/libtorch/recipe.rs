//! What libtorch is made of on each kind of machine: which wheels, their hashes, and what is kept of them.

use std::env::consts;
use std::fmt;

/// The version everything here is about.
pub const VERSION: &str = "2.8.0";

/// Counts the changes of what this program puts into a libtorch folder; a folder of another layout is not reused.
const LAYOUT: u32 = 1;

/// A kind of machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// Operating system, as Rust calls it.
    pub system: &'static str,
    /// Processor architecture, as Rust calls it.
    pub architecture: &'static str,
    /// Whether programs are linked with the GNU C library, as PyTorch's are.
    pub glibc: bool,
}

impl Host {
    /// The machine this program was built for.
    pub fn this() -> Self {
        Self { system: consts::OS, architecture: consts::ARCH, glibc: cfg!(target_env = "gnu") }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} on {}", self.system, self.architecture)?;
        if self.system == "linux" && !self.glibc { write!(formatter, " without glibc") } else { Ok(()) }
    }
}

/// One file of a package registry.
#[derive(Debug, PartialEq, Eq)]
pub struct Wheel {
    /// What pip is asked for. `===` keeps a mirror's variant of the same version, such as `2.8.0+cpu`, out.
    pub requirement: &'static str,
    /// The wheel's file name.
    pub file: &'static str,
    /// Platform tags under which pip finds it.
    pub platforms: &'static [&'static str],
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, in lower-case hexadecimal digits.
    pub sha256: &'static str,
}

/// How to make a libtorch folder.
#[derive(Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Processor architecture, as Rust calls it.
    pub architecture: &'static str,
    /// Where everything comes from.
    pub wheels: &'static [Wheel],
    /// All that `lib/` receives from the wheels, by file name.
    pub libraries: &'static [&'static str],
    /// The OpenMP runtime among them. `torch-sys` links `gomp`, and a process must not get a second one.
    pub openmp: &'static str,
    /// Whether `libtorch.so` must be made here: the wheel's own asks for all of CUDA.
    pub needs_stub: bool,
    /// Free space needed while it is made: pip holds the largest wheel twice. Bytes.
    pub space: u64,
}

impl Recipe {
    /// The recipe for `host`, if there is one.
    pub fn for_host(host: Host) -> Option<&'static Self> {
        let fits = |recipe: &&Self| host.system == "linux" && host.glibc && recipe.architecture == host.architecture;
        RECIPES.iter().find(fits)
    }

    /// Name of the folder that the recipe makes.
    pub fn folder_name(&self) -> String {
        format!("libtorch-{VERSION}-{}-{LAYOUT}", self.architecture)
    }

    /// What a complete folder says of its origin: a line a wheel with hash and file name.
    pub fn origin(&self) -> String {
        self.wheels.iter().map(|wheel| format!("{}  {}\n", wheel.sha256, wheel.file)).collect()
    }
}

/// All there are.
const RECIPES: &[Recipe] = &[
    Recipe {
        architecture: "x86_64",
        wheels: &[
            Wheel {
                requirement: "torch===2.8.0",
                file: "torch-2.8.0-cp311-cp311-manylinux_2_28_x86_64.whl",
                platforms: &["manylinux_2_28_x86_64"],
                bytes: 888_063_640,
                sha256: "c12fa219f51a933d5f80eeb3a7a5d0cbe9168c0a14bbb4055f1979431660879b",
            },
            // libtorch_cpu.so of this wheel is linked with these two, whether or not there is a GPU.
            Wheel {
                requirement: "nvidia-cuda-runtime-cu12===12.8.90",
                file: "nvidia_cuda_runtime_cu12-12.8.90-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
                platforms: &["manylinux_2_17_x86_64", "manylinux2014_x86_64"],
                bytes: 954_765,
                sha256: "adade8dcbd0edf427b7204d480d6066d33902cab2a4707dcfc48a2d0fd44ab90",
            },
            Wheel {
                requirement: "nvidia-cuda-cupti-cu12===12.8.90",
                file: "nvidia_cuda_cupti_cu12-12.8.90-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
                platforms: &["manylinux_2_17_x86_64", "manylinux2014_x86_64"],
                bytes: 10_248_621,
                sha256: "ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182",
            },
        ],
        libraries: &["libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart.so.12", "libcupti.so.12"],
        openmp: "libgomp.so.1",
        needs_stub: true,
        space: 2_000_000_000,
    },
    Recipe {
        architecture: "aarch64",
        wheels: &[Wheel {
            requirement: "torch===2.8.0",
            file: "torch-2.8.0-cp311-cp311-manylinux_2_28_aarch64.whl",
            platforms: &["manylinux_2_28_aarch64"],
            bytes: 102_073_391,
            sha256: "220a06fd7af8b653c35d359dfe1aaf32f65aa85befa342629f716acb134b9710",
        }],
        libraries: &[
            "libtorch.so",
            "libtorch_cpu.so",
            "libc10.so",
            "libarm_compute-cf8c0b82.so",
            "libarm_compute_graph-91f54ff9.so",
            "libgfortran-8a9a71bc.so.5.0.0",
            "libgomp-947d5fa1.so.1.0.0",
            "libopenblasp-r0-121ca252.3.30.so",
        ],
        openmp: "libgomp-947d5fa1.so.1.0.0",
        needs_stub: false,
        space: 600_000_000,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn linux(architecture: &'static str) -> Host {
        Host { system: "linux", architecture, glibc: true }
    }

    #[test]
    fn both_architectures_have_a_recipe_with_a_hash_for_every_wheel() {
        for architecture in ["x86_64", "aarch64"] {
            let recipe = Recipe::for_host(linux(architecture)).unwrap();
            for wheel in recipe.wheels {
                assert_eq!(wheel.sha256.len(), 64, "{}", wheel.file);
                assert!(wheel.sha256.bytes().all(|digit| b"0123456789abcdef".contains(&digit)), "{}", wheel.file);
                assert!(wheel.file.contains(architecture), "{}", wheel.file);
                assert!(wheel.requirement.contains("==="), "{}", wheel.requirement);
            }
            assert!(recipe.wheels[0].requirement.ends_with(VERSION));
            assert!(recipe.libraries.contains(&recipe.openmp));
            // Exactly one of the two brings libtorch.so.
            assert_ne!(recipe.needs_stub, recipe.libraries.contains(&"libtorch.so"));
        }
    }

    #[test]
    fn space_covers_the_largest_wheel_twice() {
        for recipe in RECIPES {
            let largest = recipe.wheels.iter().map(|wheel| wheel.bytes).max().unwrap();
            assert!(recipe.space > 2 * largest);
        }
    }

    #[test]
    fn other_machines_have_none() {
        for host in [
            Host { system: "macos", ..linux("aarch64") },
            Host { system: "windows", glibc: false, ..linux("x86_64") },
            Host { glibc: false, ..linux("x86_64") },
            linux("riscv64"),
        ] {
            assert_eq!(Recipe::for_host(host), None, "{host}");
        }
    }

    #[test]
    fn a_folder_says_what_it_is() {
        let recipe = Recipe::for_host(linux("aarch64")).unwrap();
        assert_eq!(recipe.folder_name(), "libtorch-2.8.0-aarch64-1");
        insta::assert_snapshot!(recipe.origin());
    }
}
