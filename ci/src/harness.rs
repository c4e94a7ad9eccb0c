//! `cargo harness ARGS…`: set-up, build, then become `dinov3-harness`.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::environment::Environment;
use crate::failure::Failure;
use crate::{libtorch, workspace};

const PROGRAM: &str = "dinov3-harness";

/// Builds `dinov3-harness` and replaces this process with it; returns only if that fails.
///
/// Its standard streams, its signals and its exit status are then this process's own, with nothing in between.
pub fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let mut command = command()?;
    command.args(arguments);
    let error = become_program(&mut command);
    Err(cannot_run(&command, &error))
}

/// Builds `dinov3-harness` and gives a command that runs it.
pub fn command() -> Result<Command, Failure> {
    let environment = Environment::of(&libtorch::provide()?);
    build(&environment)?;
    let mut command = Command::new(built_program()?);
    environment.apply(&mut command);
    Ok(command)
}

/// The program is there and does not start.
pub fn cannot_run(command: &Command, error: &io::Error) -> Failure {
    let program = Path::new(command.get_program()).display();
    Failure::environment(format!("cannot run {program}: {error}"), "look at the file's permissions")
}

/// The same profile as the tests': building `torch-sys` takes minutes, and both use one build of it.
fn build(environment: &Environment) -> Result<(), Failure> {
    let mut command = Command::new(workspace::cargo());
    command.arg("build").arg("--manifest-path").arg(workspace::root().join("Cargo.toml"));
    command.args(["--package", PROGRAM, "--bin", PROGRAM]);
    // stdout belongs to dinov3-harness alone.
    command.stdin(Stdio::null()).stdout(io::stderr());
    environment.apply(&mut command);
    let status = command.status().map_err(|error| {
        Failure::environment(
            format!("cannot run {}: {error}", Path::new(&workspace::cargo()).display()),
            "install Rust's toolchain, cargo is part of it",
        )
    })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::environment(
        format!("{PROGRAM} does not build ({status})"),
        "cargo's first error above says why; a C++17 compiler (g++ or clang++) must be installed",
    ))
}

/// cargo puts both programs of one profile into one folder, wherever the user has directed it.
fn built_program() -> Result<PathBuf, Failure> {
    let hint = "start it as `cargo harness`, from inside the repository";
    let this = env::current_exe()
        .map_err(|error| Failure::environment(format!("cannot tell where this program lies: {error}"), hint))?;
    let program = this.with_file_name(format!("{PROGRAM}{}", env::consts::EXE_SUFFIX));
    if program.is_file() {
        return Ok(program);
    }
    Err(Failure::environment(format!("cargo has built no {}", program.display()), hint))
}

#[cfg(unix)]
fn become_program(command: &mut Command) -> io::Error {
    use std::os::unix::process::CommandExt;
    command.exec()
}

#[cfg(not(unix))]
fn become_program(command: &mut Command) -> io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(i32::from(crate::failure::ENVIRONMENT))),
        Err(error) => error,
    }
}
