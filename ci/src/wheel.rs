//! `cargo ci wheel`: the program as a Python wheel. It holds no libtorch: its script finds the PyTorch of the environment that it is
//! installed in, and starts the native program on that. `harness/wheel` has the Python and the project.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::environment::Environment;
use crate::failure::Failure;
use crate::package::{copy_folder, golden, share, unwritten};
use crate::{harness, libtorch, workspace};

/// `cargo ci wheel`.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct WheelArgs {
    /// The folder for the wheel
    #[arg(long, value_name = "DIR", default_value = "target/wheels")]
    out: PathBuf,
    /// Take the build that the tests use: it is there already, and slower
    #[arg(long)]
    dev: bool,
}

/// The release of maturin that the project file is written for.
const MATURIN: &str = "maturin>=1.7,<2";

/// Makes the wheel.
pub fn wheel(args: &WheelArgs) -> Result<(), Failure> {
    let libtorch = libtorch::provide()?;
    let maturin = maturin()?;
    // Not below the repository: maturin leaves out what git ignores.
    let stage = tempfile::tempdir().map_err(|error| unwritten(Path::new("a temporary folder"), &error))?;
    let folder = stage.path();
    stage_python(folder).map_err(|error| unwritten(folder, &error))?;
    let program = harness::command()?;
    share(Path::new(program.get_program()), Some(&libtorch), &folder.join("data/data/share"))?;
    let out = std::path::absolute(&args.out).map_err(|error| unwritten(&args.out, &error))?;
    let mut command = Command::new(maturin[0]);
    command.args(&maturin[1..]).current_dir(folder);
    // The libraries are the user's own: nothing is bundled, and no tag promises a range of systems.
    command.args(["build", "--auditwheel", "skip", "--compatibility", "linux", "--out"]).arg(&out);
    command.arg("--target-dir").arg(workspace::target_folder());
    command.args(if args.dev { &["--profile", "dev"][..] } else { &["--release"] });
    Environment::of(&libtorch).apply(&mut command);
    let status = command.status().map_err(|error| no_maturin(&error.to_string()))?;
    match status.success() {
        true => Ok(()),
        false => Err(Failure::environment(format!("maturin fails ({status})"), "its output is above")),
    }
}

/// How maturin is started: as a program, or else as a module.
fn maturin() -> Result<Vec<&'static str>, Failure> {
    let known = [vec!["maturin"], vec!["python3", "-m", "maturin"]];
    let works = |words: &Vec<&str>| {
        Command::new(words[0]).args(&words[1..]).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    known.into_iter().find(works).ok_or_else(|| no_maturin("it is not installed"))
}

fn no_maturin(why: &str) -> Failure {
    Failure::environment(
        format!("maturin, which makes the wheel, cannot be run: {why}"),
        format!("pip install '{MATURIN}'"),
    )
}

/// Copies what the wheel carries beside the program: the project, our Python, the exporter, golden sets.
fn stage_python(folder: &Path) -> io::Result<()> {
    let root = workspace::root();
    let is_source = |file: &Path| !file.components().any(|part| part.as_os_str() == "__pycache__");
    let ours = folder.join("python/dinov3_harness");
    copy_folder(&root.join("harness/wheel/python/dinov3_harness"), &ours, &is_source)?;
    copy_folder(&root.join("golden/export/dinov3_export"), &folder.join("python/dinov3_export"), &is_source)?;
    has_the_recorder(&folder.join("python/dinov3_export/__init__.py"))?;
    copy_folder(&root.join("harness/wheel/scripts"), &folder.join("data/scripts"), &|_| true)?;
    golden(&ours.join("golden"), false)?;
    let project = fs::read_to_string(root.join("harness/wheel/pyproject.toml"))?;
    let manifest = root.join("harness/Cargo.toml");
    fs::write(folder.join("pyproject.toml"), project_for(&project, &manifest.display().to_string()))
}

/// The project file with the two values that it leaves open.
fn project_for(project: &str, manifest: &str) -> String {
    project
        .replace("\"VERSION\"", &format!("{:?}", env!("CARGO_PKG_VERSION")))
        .replace("\"MANIFEST\"", &format!("{manifest:?}"))
}

/// `from dinov3_harness import watch` must work in what is made here.
fn has_the_recorder(file: &Path) -> io::Result<()> {
    match fs::read_to_string(file)?.lines().any(|line| line.starts_with("def watch(") || line.contains("import watch"))
    {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::NotFound, "the exporter has no `watch`, which the wheel offers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_names_the_manifest_and_the_version() {
        let file = workspace::root().join("harness/wheel/pyproject.toml");
        let text = project_for(&fs::read_to_string(file).unwrap(), "/a/Cargo.toml");
        assert!(text.contains("manifest-path = \"/a/Cargo.toml\""), "{text}");
        assert!(text.contains(&format!("version = \"{}\"", env!("CARGO_PKG_VERSION"))), "{text}");
        assert!(text.contains(MATURIN));
    }

    /// pip keeps the permissions of a script, and replaces its first line by that of its own interpreter.
    #[test]
    fn the_command_is_a_script_that_pip_can_start() {
        use std::os::unix::fs::PermissionsExt;
        let script = workspace::root().join("harness/wheel/scripts/dinov3-harness");
        assert!(fs::read_to_string(&script).unwrap().starts_with("#!python\n"));
        assert_eq!(fs::metadata(&script).unwrap().permissions().mode() & 0o111, 0o111);
    }

    #[test]
    fn an_exporter_without_a_recorder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("__init__.py");
        fs::write(&file, "def record():\n    pass\n").unwrap();
        assert!(has_the_recorder(&file).unwrap_err().to_string().contains("has no `watch`"));
        fs::write(&file, "def watch(model):\n    pass\n").unwrap();
        has_the_recorder(&file).unwrap();
    }
}
