//! `cargo ci lint`, `test`, `bench` and `fuzz`.

use std::ffi::OsString;
use std::process::Command;

use dinov3_ground::atomic::{Existing, StagedFolder};
use serde_json::Value;
use xshell::{Cmd, Shell, cmd};

use crate::environment::Environment;
use crate::failure::Failure;
use crate::{benches, libtorch, workspace};

/// A shell in the workspace's root, with libtorch in its environment.
struct Workspace {
    shell: Shell,
    environment: Environment,
    /// Whether libtorch is the one that set-up fetches.
    fetched: bool,
}

impl Workspace {
    /// Brings libtorch here first.
    fn set_up() -> Result<Self, Failure> {
        let libtorch = libtorch::provide()?;
        let fetched = libtorch::is_fetched(&libtorch);
        let environment = Environment::of(&libtorch);
        let shell = workspace::shell()?;
        for (name, value) in &environment.set {
            shell.set_var(name, value);
        }
        // Read by rustdoc alone, so that no other step builds anew because of it.
        shell.set_var("RUSTDOCFLAGS", "--deny warnings");
        Ok(Self { shell, environment, fetched })
    }

    /// A cargo command line, words separated by spaces.
    fn cargo(&self, arguments: &str) -> Cmd<'_> {
        let cargo = workspace::cargo();
        let words = arguments.split_whitespace();
        let mut command = cmd!(self.shell, "{cargo} {words...}").quiet();
        for name in &self.environment.remove {
            command = command.env_remove(name);
        }
        command
    }

    /// Runs a cargo command line and shows it first, so that a person can run it alone.
    fn step(&self, arguments: &str, otherwise: impl FnOnce() -> Failure) -> Result<(), Failure> {
        eprintln!("$ cargo {arguments}");
        // What went wrong is in cargo's own output.
        self.cargo(arguments).run().map_err(|_| otherwise())
    }

    /// Sets for the tests what this machine promises, and says so.
    fn promise(&self) {
        let given = std::env::var(PROMISE).ok();
        let value = promised(given.as_deref(), cfg!(target_arch = "x86_64"), self.fetched);
        self.shell.set_var(PROMISE, value);
        let bits = if value == "1" { "must be" } else { "need not be" };
        eprintln!("{PROMISE}={value}: the bits {bits} those of the golden sets");
    }

    /// What cargo tells of the workspace's packages.
    fn metadata(&self) -> Result<Value, Failure> {
        let unread = |reason: String| {
            Failure::environment(format!("cargo does not describe the workspace: {reason}"), "run `cargo metadata`")
        };
        let text =
            self.cargo("metadata --no-deps --format-version 1").read().map_err(|error| unread(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| unread(error.to_string()))
    }

    /// Whether `cargo SUBCOMMAND` is installed.
    fn has(&self, subcommand: &str) -> bool {
        self.cargo(&format!("{subcommand} --version")).ignore_stdout().ignore_stderr().run().is_ok()
    }
}

/// Format, clippy and documentation.
pub fn lint() -> Result<(), Failure> {
    lint_in(&Workspace::set_up()?)
}

/// The variable by which a machine promises the recording's bits, so that a test which then compares nothing fails. `suites` and
/// `harness` read it.
const PROMISE: &str = "DINOV3_PROMISE_BITS";

/// Lint, then every test; the test runner's summary is the last output.
pub fn test() -> Result<(), Failure> {
    let workspace = Workspace::set_up()?;
    lint_in(&workspace)?;
    exporter_tests(&workspace.shell)?;
    wheel_tests(&workspace.shell)?;
    workspace.promise();
    if !workspace.has("nextest") {
        eprintln!(
            "cargo-nextest is not installed: cargo test runs the tests, without the limits of .config/nextest.toml"
        );
        return workspace.step("test --workspace --no-fail-fast", Failure::check_said_by_tool);
    }
    eprintln!("cargo-nextest runs the tests, in the groups of .config/nextest.toml");
    // nextest runs no doc tests; they come first because its summary comes last.
    if workspace::has_doc_tests(&workspace::root()) {
        let failed = || Failure::check("a doc test fails", "its output is above");
        workspace.step("test --workspace --doc --quiet", failed)?;
    }
    workspace.step("nextest run --workspace --no-fail-fast", Failure::check_said_by_tool)
}

/// What a machine promises: what the environment says, or else the recording's bits, where the processor is one of x86-64 and libtorch
/// is the fetched one.
///
/// The promise is made here and not by whoever calls, so that it holds wherever the test command runs. All x86-64 machines that are
/// supported have the instruction set of the committed sets, and the fetched libtorch is the one that recorded them. A libtorch that a
/// user names may be built in another way.
fn promised(given: Option<&str>, x86_64: bool, fetched: bool) -> &str {
    given.unwrap_or(if x86_64 && fetched { "1" } else { "0" })
}

/// The tests of the Python exporter. They need NumPy and nothing else, which is brought into the target folder.
fn exporter_tests(shell: &Shell) -> Result<(), Failure> {
    let no_numpy =
        || Failure::environment("NumPy, which the exporter's tests need, cannot be installed", "pip's output is above");
    let no_python = || Failure::environment("python3 cannot be run", "install Python 3.11 with pip");
    let root = workspace::root();
    let exporter = root.join("golden/export");
    let requirements = shell.read_file(exporter.join("requirements.txt")).unwrap_or_default();
    let numpy = requirements.lines().find(|line| line.starts_with("numpy==")).unwrap_or("numpy");
    let version = "import sys; print(f'{sys.version_info.major}.{sys.version_info.minor}')";
    let python = cmd!(shell, "python3 -c {version}").quiet().read().map_err(|_| no_python())?;
    let packages = root.join(format!("target/exporter-tests/python-{python}-{numpy}"));
    if !packages.is_dir() {
        std::fs::create_dir_all(packages.parent().unwrap_or(&root)).map_err(|_| no_numpy())?;
        let staged = StagedFolder::create(&packages).map_err(|_| no_numpy())?;
        let target = staged.temporary_path();
        let install = cmd!(shell, "python3 -m pip install --quiet --no-deps --target {target} {numpy}");
        install.quiet().run().map_err(|_| no_numpy())?;
        // Another process may have installed it meanwhile.
        staged.publish(Existing::Replace).map_err(|_| no_numpy())?;
    }
    eprintln!("$ python3 -m unittest (in golden/export)");
    let _folder = shell.push_dir(&exporter);
    cmd!(shell, "python3 -m unittest --quiet")
        .quiet()
        .env("PYTHONPATH", &packages)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run()
        .map_err(|_| Failure::check("a test of the exporter fails", "its output is above"))
}

/// The tests of the wheel's script, which need the standard library alone.
fn wheel_tests(shell: &Shell) -> Result<(), Failure> {
    eprintln!("$ python3 -m unittest (in harness/wheel)");
    let _folder = shell.push_dir(workspace::root().join("harness/wheel"));
    let tests = cmd!(shell, "python3 -m unittest discover --quiet --start-directory tests").quiet();
    let failed = || Failure::check("a test of the wheel's script fails", "its output is above");
    tests.env("PYTHONDONTWRITEBYTECODE", "1").run().map_err(|_| failed())
}

/// Tells a benchmark where it was asked for: cargo runs it in the folder of its crate.
const CALLED_FROM: &str = "DINOV3_CALLED_FROM";

/// All benchmarks, or the bench target `name`, with `arguments` for it.
pub fn bench(name: Option<&str>, arguments: &[OsString]) -> Result<(), Failure> {
    let workspace = Workspace::set_up()?;
    let line = match name {
        Some(name) => benches::arguments(&workspace.metadata()?, name)?,
        None => "bench --workspace --bench *".to_owned(),
    };
    let cargo = workspace.cargo(&line);
    let cargo = if arguments.is_empty() { cargo } else { cargo.arg("--").args(arguments) };
    eprintln!("$ {cargo}");
    let mut command = Command::from(cargo);
    if let Ok(folder) = std::env::current_dir() {
        command.env(CALLED_FROM, folder);
    }
    match command.status().map(|status| status.code()) {
        Ok(Some(0)) => Ok(()),
        // The benchmark's own; it has said why.
        Ok(Some(code @ 2..=3)) => Err(Failure { code: code as u8, error: None }),
        _ => Err(Failure::check("a benchmark does not build or run", "the output above says why")),
    }
}

/// Each reader of files from elsewhere, or one, for some minutes, on the project's own toolchain. Needs no libtorch.
pub fn fuzz(minutes: f64, target: Option<&str>) -> Result<(), Failure> {
    let mut command = Command::new(workspace::cargo());
    command.current_dir(workspace::root()).args(["run", "--quiet", "--package", "dinov3-fuzz", "--"]);
    command.arg("--minutes").arg(minutes.to_string());
    if let Some(target) = target {
        command.args(["--target", target]);
    }
    match command.status().map(|status| status.code()) {
        Ok(Some(0)) => Ok(()),
        Ok(Some(code @ 2..=3)) => Err(Failure { code: code as u8, error: None }),
        _ => Err(Failure::check("a reader has a fault", "the output above says which, and where its input is")),
    }
}

fn lint_in(workspace: &Workspace) -> Result<(), Failure> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !workspace.has(subcommand) {
            return Err(Failure::environment(
                format!("`cargo {subcommand}` is not installed"),
                format!("rustup component add {component}"),
            ));
        }
    }
    workspace.step("fmt --all --check", || Failure::check("the code is not formatted", "run `cargo fmt --all`"))?;
    workspace.step("clippy --workspace --all-targets -- --deny warnings", || {
        Failure::check("clippy complains", "its messages above say where, and often what to write")
    })?;
    workspace.step("doc --workspace --no-deps", || {
        Failure::check("the documentation has faults", "rustdoc's messages above say where")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fetched_libtorch_on_x86_64_promises_bits() {
        assert_eq!(promised(None, true, true), "1");
        for (x86_64, fetched) in [(false, true), (true, false)] {
            assert_eq!(promised(None, x86_64, fetched), "0");
        }
    }

    #[test]
    fn the_environment_s_promise_comes_first() {
        assert_eq!(promised(Some("0"), true, true), "0");
        assert_eq!(promised(Some("1"), false, false), "1");
    }
}
