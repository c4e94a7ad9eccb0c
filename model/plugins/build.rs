//! Compiles the plugins, shared libraries, against the libtorch that `LIBTORCH` names.

use std::env;
use std::path::PathBuf;
use std::process::exit;

/// Stand-ins for Gloo's headers, which libtorch does not ship: the simulated backend is over c10d's Gloo.
const GLOO: &str = "../torch/shim";

/// The simulated plugin.
const FILES: [&str; 3] = ["simulated/backend.cpp", "simulated/device.cpp", "simulated/plugin.cpp"];

fn main() {
    println!("cargo:rerun-if-changed=simulated");
    println!("cargo:rerun-if-changed=include");
    println!("cargo:rerun-if-changed={GLOO}/gloo");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let (Some(libtorch), Some(out)) = (env::var_os("LIBTORCH").map(PathBuf::from), env::var_os("OUT_DIR")) else {
        fail("LIBTORCH is not set, so there is no libtorch to compile against")
    };
    let (headers, lib) = (libtorch.join("include"), libtorch.join("lib"));
    let made = PathBuf::from(out).join("libdinov3_simulated.so");
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++20")
        .files(FILES)
        .include("include")
        .include(GLOO)
        .include(&headers)
        .include(headers.join("torch/csrc/api/include"))
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .flag_if_supported("-Wno-unused-parameter")
        .pic(true)
        // Debug information of libtorch's headers takes as long again as all else, and a plugin for tests need not be fast.
        .debug(false)
        .opt_level(0);
    let objects = build.compile_intermediates();
    let mut link = build.get_compiler().to_command();
    // The rest of libtorch is in the process that loads it.
    link.args(objects).arg("-shared").arg("-o").arg(&made).arg("-L").arg(lib).args(["-ltorch_cpu", "-lc10"]);
    match link.status() {
        Ok(status) if status.success() => println!("cargo:rustc-env=DINOV3_SIMULATED={}", made.display()),
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
