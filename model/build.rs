//! Compiles the C++ shim against the libtorch that `LIBTORCH` names, the same one that `torch-sys` links.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=shim");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let Some(libtorch) = env::var_os("LIBTORCH").map(PathBuf::from) else {
        eprintln!("error: LIBTORCH is not set, so there is no libtorch to compile against");
        eprintln!("hint: use `cargo harness …` or `cargo ci …`, which set it up, or `eval \"$(cargo ci env)\"` once");
        std::process::exit(1);
    };
    let include = libtorch.join("include");
    let mut build = cc::Build::new();
    if build.get_compiler().is_like_gnu() && !build.get_compiler().is_like_clang() {
        // libtorch's own thread pool is GNU OpenMP; the loader finds one library for both, since both ask for the same name.
        build.flag("-fopenmp");
        println!("cargo:rustc-link-lib=dylib=gomp");
    }
    build
        .cpp(true)
        .std("c++20")
        .files(["shim", "allocator", "rope", "pickle", "c10d", "mkl", "hooks"].map(|file| format!("shim/{file}.cpp")))
        // Stand-ins for Gloo's headers, which libtorch does not ship.
        .include("shim")
        // A product and a sum that became one would round once.
        .flag_if_supported("-ffp-contract=off")
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        // libtorch 2.8's wheels use the new std::string ABI.
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .flag_if_supported("-Wno-unused-parameter")
        .warnings(true)
        .opt_level(3)
        // MKL looks for what mkl.cpp defines; no Rust code names it.
        .link_lib_modifier("+whole-archive")
        .compile("dinov3_shim");
}
