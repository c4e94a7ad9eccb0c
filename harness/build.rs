//! Notes the git revision that the program is built from, where there is one.

use std::process::Command;

fn main() {
    for file in ["../.git/HEAD", "../.git/refs/heads"] {
        println!("cargo:rerun-if-changed={file}");
    }
    let output = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=10"]).output();
    if let Ok(output) = output
        && output.status.success()
    {
        println!("cargo:rustc-env=DINOV3_REVISION={}", String::from_utf8_lossy(&output.stdout).trim());
    }
}
