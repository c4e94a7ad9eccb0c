//! Compiles the plugins, shared libraries, against the libtorch that `LIBTORCH` names.

use std::env;
use std::path::{Path, PathBuf};
use std::process::exit;

/// Stand-ins for Gloo's headers, which libtorch does not ship: the simulated backends are over c10d's Gloo.
const GLOO: &str = "../torch/shim";

/// A plugin: the folder of its files, their names, and the variable that names the library.
type Made = (&'static str, &'static [&'static str], &'static str);

/// The plugins, each with the variable that tells the crate where it is. Of the one for torch_npu it is the half that needs no torch_npu;
/// `cargo ci npu` makes the other. `cargo run` gives these variables to the program too, so no plugin reads one of their names.
const PLUGINS: [Made; 3] = [
    ("simulated", &["backend", "device", "plugin"], "DINOV3_BUILT_SIMULATED"),
    (
        "simulated_npu",
        &["backend", "kernels", "memory", "plugin", "queue", "runtime", "tensors"],
        "DINOV3_BUILT_SIMULATED_NPU",
    ),
    ("torch_npu", &["missing", "plugin", "python"], "DINOV3_BUILT_TORCH_NPU"),
];

fn main() {
    println!("cargo:rerun-if-changed=include");
    println!("cargo:rerun-if-changed={GLOO}/gloo");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let (Some(libtorch), Some(out)) = (env::var_os("LIBTORCH").map(PathBuf::from), env::var_os("OUT_DIR")) else {
        fail("LIBTORCH is not set, so there is no libtorch to compile against")
    };
    for made in PLUGINS {
        make(made, &libtorch, Path::new(&out));
    }
}

fn make((folder, files, variable): Made, libtorch: &Path, out: &Path) {
    println!("cargo:rerun-if-changed={folder}");
    let (headers, lib) = (libtorch.join("include"), libtorch.join("lib"));
    let made = out.join(format!("libdinov3_{folder}.so"));
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++20")
        .files(files.iter().map(|file| format!("{folder}/{file}.cpp")))
        .include("include")
        .include(GLOO)
        .include(&headers)
        .include(headers.join("torch/csrc/api/include"))
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        // torch_npu as PyPI has it, which needs a Python.
        .define("DINOV3_TORCH_NPU_WHEEL", None)
        .flag_if_supported("-Wno-unused-parameter")
        .pic(true)
        // Debug information of libtorch's headers takes as long again as all else, and a plugin for tests need not be fast.
        .debug(false)
        .opt_level(0);
    let objects = build.compile_intermediates();
    let mut link = build.get_compiler().to_command();
    // The rest of libtorch is in the process that loads it.
    link.args(objects).arg("-shared").arg("-o").arg(&made).arg("-L").arg(lib).args([
        "-Wl,--as-needed",
        "-ltorch_cpu",
        "-lc10",
        "-ldl",
    ]);
    match link.status() {
        Ok(status) if status.success() => println!("cargo:rustc-env={variable}={}", made.display()),
        Ok(status) => fail(&format!("the compiler ended with {status}")),
        Err(error) => fail(&format!("the compiler cannot be run: {error}")),
    }
}

fn fail(why: &str) -> ! {
    eprintln!("error: {why}");
    eprintln!(
        "hint: use `cargo harness …` or `cargo ci …`, which set everything up, or `eval \"$(cargo ci env)\"` once"
    );
    exit(1)
}
