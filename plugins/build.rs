//! Compiles the plugins, shared libraries, against the libtorch that `LIBTORCH` names.

use std::env;
use std::path::PathBuf;
use std::process::{Command, exit};

/// The harness's side: `dinov3_plugin.h`, and stand-ins for Gloo's headers.
const SHIM: &str = "../model/torch/shim";

fn main() {
    println!("cargo:rerun-if-changed=simulated");
    println!("cargo:rerun-if-changed={SHIM}/dinov3_plugin.h");
    println!("cargo:rerun-if-changed={SHIM}/gloo");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let (Some(libtorch), Some(out)) = (env::var_os("LIBTORCH").map(PathBuf::from), env::var_os("OUT_DIR")) else {
        fail("LIBTORCH is not set, so there is no libtorch to compile against")
    };
    let (include, lib) = (libtorch.join("include"), libtorch.join("lib"));
    let made = PathBuf::from(out).join("libdinov3_simulated.so");
    let compiler = cc::Build::new()
        .cpp(true)
        .std("c++20")
        .include(SHIM)
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .flag_if_supported("-Wno-unused-parameter")
        .pic(true)
        .opt_level(1)
        .get_compiler();
    let mut command: Command = compiler.to_command();
    let command = command.arg("simulated/backend.cpp").arg("-shared").arg("-o").arg(&made).arg("-L").arg(lib);
    // The rest of libtorch is in the process that loads it.
    match command.args(["-ltorch_cpu", "-lc10"]).status() {
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
