//! Notes the git revision that the program is built from, where there is one, and where the libtorch is that it was linked
//! with, so that it can be started without `LD_LIBRARY_PATH`.

use std::process::Command;

fn main() {
    for file in ["../.git/HEAD", "../.git/refs/heads"] {
        println!("cargo:rerun-if-changed={file}");
    }
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    // A packaged program has its libraries beside it; one in a wheel is told where they are.
    println!("cargo:rustc-link-arg-bins=-Wl,-rpath,$ORIGIN/../lib");
    let is_for_a_wheel = std::env::var_os("CARGO_FEATURE_WHEEL").is_some();
    if let Some(libtorch) = std::env::var_os("LIBTORCH").filter(|_| !is_for_a_wheel) {
        println!("cargo:rustc-link-arg-bins=-Wl,-rpath,{}/lib", libtorch.display());
    }
    let mut version = env!("CARGO_PKG_VERSION").to_owned();
    if let Some(revision) = revision() {
        println!("cargo:rustc-env=DINOV3_REVISION={revision}");
        version += &format!(" ({revision})");
    }
    println!("cargo:rustc-env=DINOV3_VERSION={version}");
}

fn revision() -> Option<String> {
    let output = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=10"]).output().ok()?;
    let revision = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| revision.trim().to_owned())
}
