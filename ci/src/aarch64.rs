//! `cargo ci aarch64`: the program for aarch64, made on a machine of another kind and run there as far as emulation goes.
//!
//! The tests of all packages that need no libtorch run under emulation. The others are linked with the libtorch of PyTorch's aarch64 wheel, and
//! the program starts with it. Whatever computes is left to a machine that is one: under emulation a layer did not end within five minutes,
//! and no second process of the program starts there, so no ranks do.

use std::collections::BTreeSet;
use std::env::consts;
use std::path::Path;

use xshell::{Cmd, Shell, cmd};

use crate::environment::Environment;
use crate::failure::Failure;
use crate::{libtorch, workspace};

const TARGET: &str = "aarch64-unknown-linux-gnu";
/// Debian's cross compilers.
const C: &str = "aarch64-linux-gnu-gcc";
const CXX: &str = "aarch64-linux-gnu-g++";
const EMULATOR: &str = "qemu-aarch64";
/// Where programs find their loader: with the libraries below. That of the cross compilers' C library is another build of the same version, and
/// with it the first thread of a program looked for its stack for ever.
const ROOT: &str = "/";
/// Debian's libraries for aarch64 on another machine, and the one that libtorch needs beside the C library's.
const LIBRARIES: &str = "/usr/lib/aarch64-linux-gnu";
const ZLIB: &str = "libz.so.1";
/// The libraries of the cross compilers, for that of C++.
const CROSS_LIBRARIES: &str = "/usr/aarch64-linux-gnu/lib";

/// What must be installed, and how.
const TOOLS: [(&str, &str); 3] = [
    (C, "apt-get install gcc-aarch64-linux-gnu"),
    (CXX, "apt-get install g++-aarch64-linux-gnu"),
    (EMULATOR, "apt-get install qemu-user"),
];

/// Compiles, tests and runs for aarch64.
pub fn aarch64() -> Result<(), Failure> {
    if consts::ARCH == "aarch64" {
        return Err(Failure::usage("this machine is an aarch64 one", "`cargo ci test` tests it"));
    }
    let shell = workspace::shell()?;
    has_tools(&shell)?;
    let libtorch = libtorch::provide_for("aarch64")?;
    let cross = Cross { shell: &shell, environment: Environment::of(&libtorch) };
    cross.tests()?;
    cross.program(&libtorch)
}

fn has_tools(shell: &Shell) -> Result<(), Failure> {
    for (tool, how) in TOOLS {
        let found = cmd!(shell, "{tool} --version").quiet().ignore_stdout().ignore_stderr().run();
        found.map_err(|_| Failure::environment(format!("{tool} is not installed"), how))?;
    }
    if !Path::new(LIBRARIES).join(ZLIB).exists() {
        let how = "dpkg --add-architecture arm64 && apt-get update && apt-get install zlib1g:arm64";
        return Err(Failure::environment(format!("{ZLIB} for aarch64 is not installed"), how));
    }
    let installed = cmd!(shell, "rustup target list --installed").quiet().read().unwrap_or_default();
    match installed.lines().any(|line| line == TARGET) {
        true => Ok(()),
        false => Err(Failure::environment(
            format!("Rust's library for {TARGET} is not installed"),
            format!("rustup target add {TARGET}"),
        )),
    }
}

struct Cross<'a> {
    shell: &'a Shell,
    environment: Environment,
}

impl Cross<'_> {
    /// A cargo command line for the target.
    fn cargo(&self, arguments: &[&str]) -> Cmd<'_> {
        let cargo = workspace::cargo();
        eprintln!("$ cargo {}", arguments.join(" "));
        let mut command = cmd!(self.shell, "{cargo} {arguments...}").quiet();
        for name in &self.environment.remove {
            command = command.env_remove(name);
        }
        for (name, value) in self.environment.set.iter().filter(|(name, _)| *name != crate::environment::LIBRARY_PATH) {
            command = command.env(name, value);
        }
        let variables = [
            ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", C.to_owned()),
            ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", format!("{EMULATOR} -L {ROOT}")),
            // What is compiled on other processors alone is a warning here, and would end clippy there.
            ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "--deny warnings".to_owned()),
            ("CC_aarch64_unknown_linux_gnu", C.to_owned()),
            ("CXX_aarch64_unknown_linux_gnu", CXX.to_owned()),
        ];
        variables.into_iter().fold(command, |command, (name, value)| command.env(name, value))
    }

    /// The tests of the packages that need no libtorch.
    fn tests(&self) -> Result<(), Failure> {
        let packages = self.without_libtorch()?;
        let mut arguments = vec!["test", "--target", TARGET, "--tests", "--no-fail-fast"];
        for package in &packages {
            arguments.extend(["--package", package]);
        }
        let failed = |_| Failure::check("a test fails under emulation", "its output is above");
        self.cargo(&arguments).run().map_err(failed)
    }

    /// The packages of the workspace in whose tests `torch-sys` is not. Those that start programs of this machine are left out.
    fn without_libtorch(&self) -> Result<Vec<String>, Failure> {
        let cargo = workspace::cargo();
        let unread = |error: xshell::Error| {
            Failure::environment(format!("cargo does not describe the workspace: {error}"), "run `cargo metadata`")
        };
        let tree = "tree --workspace --invert torch-sys --prefix none --edges normal,build,dev --format {p}";
        let tree = tree.split_whitespace();
        let with = cmd!(self.shell, "{cargo} {tree...}").quiet().read().map_err(unread)?;
        let all = cmd!(self.shell, "{cargo} metadata --no-deps --format-version 1").quiet().read().map_err(unread)?;
        Ok(others(&all, &with))
    }

    /// The program, linked with the libtorch of the aarch64 wheel, started with it, and a golden set read.
    fn program(&self, libtorch: &Path) -> Result<(), Failure> {
        let failed = |_| Failure::check("the program does not build for aarch64", "the compiler's output is above");
        self.cargo(&["build", "--target", TARGET, "--package", "dinov3-harness"]).run().map_err(failed)?;
        let program = workspace::target_folder().join(TARGET).join("debug/dinov3-harness");
        let libraries = format!("LD_LIBRARY_PATH={}:{LIBRARIES}:{CROSS_LIBRARIES}", libtorch.join("lib").display());
        for line in ["--version", "golden verify golden/sets/micro"] {
            eprintln!("$ {EMULATOR} dinov3-harness {line}");
            let arguments = line.split_whitespace();
            // Who waits passively is not started anew, which emulation cannot do.
            let waits = "OMP_WAIT_POLICY=passive";
            cmd!(self.shell, "{EMULATOR} -L {ROOT} -E {libraries} -E {waits} {program} {arguments...}")
                .quiet()
                .run()
                .map_err(|_| Failure::check("the program fails under emulation", "its output is above"))?;
        }
        Ok(())
    }
}

/// The packages that `metadata` names and the inverted tree `with` does not, and that need nothing of this machine.
fn others(metadata: &str, with: &str) -> Vec<String> {
    let metadata: serde_json::Value = serde_json::from_str(metadata).unwrap_or_default();
    let names = metadata["packages"].as_array().into_iter().flatten().filter_map(|package| package["name"].as_str());
    let with: BTreeSet<&str> = with.lines().filter_map(|line| line.split_whitespace().next()).collect();
    // The tasks and the readers' tests start cargo.
    let starts_cargo = ["dinov3-ci", "dinov3-fuzz"];
    names.filter(|name| !with.contains(name) && !starts_cargo.contains(name)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_without_libtorch_are_told_from_the_tree() {
        let metadata = r#"{"packages": [{"name": "dinov3-golden"}, {"name": "dinov3-vit"}, {"name": "dinov3-ci"}]}"#;
        let tree = "torch-sys v0.20.0\ntch v0.20.0\ndinov3-vit v0.1.0 (/a)\n";
        assert_eq!(others(metadata, tree), ["dinov3-golden"]);
    }
}
