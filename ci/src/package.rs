//! `cargo ci install` and `cargo ci package`: the program with what it needs, in one folder.
//!
//! ```text
//! bin/dinov3-harness     looks for libtorch in ../lib first, then where it was built
//! lib/                   libtorch (`package` only)
//! golden/                sets of the quick profile, trajectories, photographs
//! share/                 the manual and completions of shells
//! ```

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use dinov3_ground::atomic::{Existing, StagedFolder};
use serde_json::Value;

use crate::environment::Environment;
use crate::failure::Failure;
use crate::{libtorch, workspace};

/// The program.
const PROGRAM: &str = "dinov3-harness";

/// `cargo ci install`.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct InstallArgs {
    /// The folder whose `bin` is on the PATH. Default: cargo's own, such as ~/.cargo
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Take the build that the tests use: it is there already, and slower
    #[arg(long)]
    dev: bool,
}

/// `cargo ci package`.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct PackageArgs {
    /// The folder to make
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Every golden set, those of ViT-L too
    #[arg(long)]
    full: bool,
    /// Take the build that the tests use: it is there already, and slower
    #[arg(long)]
    dev: bool,
}

/// Puts the program on the PATH. It uses the libtorch that it was built with, where that is.
pub fn install(args: &InstallArgs) -> Result<(), Failure> {
    let root =
        args.root.clone().or_else(cargo_home).ok_or_else(|| {
            Failure::environment("neither CARGO_HOME nor HOME is set", "name a folder with `--root DIR`")
        })?;
    let root = std::path::absolute(&root).map_err(|error| unwritten(&root, &error))?;
    let libtorch = libtorch::provide()?;
    let program = build(&libtorch, args.dev)?;
    let folder = root.join("lib").join(PROGRAM);
    assemble(&folder, &program, None, false)?;
    let command = root.join("bin").join(PROGRAM);
    link(&folder.join("bin").join(PROGRAM), &command).map_err(|error| unwritten(&command, &error))?;
    eprintln!("installed {} with the libtorch in {}", command.display(), libtorch.display());
    if !is_on_path(&root.join("bin")) {
        eprintln!("note: {} is not on PATH", root.join("bin").display());
    }
    Ok(())
}

/// Makes a folder with everything, libtorch included.
pub fn package(args: &PackageArgs) -> Result<(), Failure> {
    let libtorch = libtorch::provide()?;
    let program = build(&libtorch, args.dev)?;
    assemble(&args.out, &program, Some(&libtorch), args.full)?;
    eprintln!("made {}: copy it anywhere, and start bin/{PROGRAM}", args.out.display());
    Ok(())
}

fn cargo_home() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("CARGO_HOME").or_else(|| set("HOME").map(|home| home.join(".cargo")))
}

fn is_on_path(folder: &Path) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|it| it == folder))
}

/// Builds the program and gives its file.
pub fn build(libtorch: &Path, dev: bool) -> Result<PathBuf, Failure> {
    let messages = cargo_build(libtorch, PROGRAM, &["--bin", PROGRAM], dev)?;
    executable(&messages).ok_or_else(|| not_built(format!("cargo has built no {PROGRAM}")))
}

/// Builds targets of a package and gives cargo's messages, a line of JSON each.
pub fn cargo_build(libtorch: &Path, package: &str, targets: &[&str], dev: bool) -> Result<String, Failure> {
    let mut command = Command::new(workspace::cargo());
    command.arg("build").arg("--manifest-path").arg(workspace::root().join("Cargo.toml"));
    command.args(["--package", package]).args(targets).args(["--message-format", "json-render-diagnostics"]);
    command.args((!dev).then_some("--release")).stdin(Stdio::null()).stderr(io::stderr());
    Environment::of(libtorch).apply(&mut command);
    let output = command.output().map_err(|error| not_built(format!("cargo cannot be run: {error}")))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(not_built(format!("{package} does not build ({})", output.status))),
    }
}

/// A build that failed, of which cargo has said why.
pub fn not_built(what: String) -> Failure {
    Failure::environment(what, "cargo's first error above says why")
}

/// The last executable that cargo's messages name.
fn executable(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter_map(|message| Some(message["executable"].as_str()?.into())).next()
}

/// Makes the folder anew, whole or not at all.
fn assemble(folder: &Path, program: &Path, libtorch: Option<&Path>, full: bool) -> Result<(), Failure> {
    whole(folder, |inside| {
        let filled = fill(inside, program, libtorch, full).map_err(|error| unwritten(folder, &error));
        filled.and_then(|()| share(&inside.join("bin").join(PROGRAM), libtorch, &inside.join("share")))
    })
}

/// Makes a folder anew with what `fill` puts into it, whole or not at all.
pub fn whole(folder: &Path, fill: impl FnOnce(&Path) -> Result<(), Failure>) -> Result<(), Failure> {
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above).map_err(|error| unwritten(folder, &error))?;
    }
    let staged = StagedFolder::create(folder).map_err(|error| Failure::environment(error.to_string(), OTHER_FOLDER))?;
    fill(staged.temporary_path())?;
    staged.publish(Existing::Replace).map_err(|error| Failure::environment(error.to_string(), OTHER_FOLDER))
}

fn fill(inside: &Path, program: &Path, libtorch: Option<&Path>, full: bool) -> io::Result<()> {
    copy(program, &inside.join("bin").join(PROGRAM))?;
    if let Some(libtorch) = libtorch {
        copy_folder(&libtorch.join("lib"), &inside.join("lib"), &is_library)?;
    }
    golden(&inside.join("golden"), full)?;
    for file in ["LICENSE", "README.md", "CHANGELOG.md"] {
        copy(&workspace::root().join(file), &inside.join(file))?;
    }
    Ok(())
}

const OTHER_FOLDER: &str = "name another folder, on a disk with room";

/// Shared libraries, and not the archives beside them.
fn is_library(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().contains(".so"))
}

/// Copies the golden data that the program reads: sets of the quick profile (or all), trajectories and photographs.
pub fn golden(into: &Path, full: bool) -> io::Result<()> {
    let from = workspace::root().join("golden");
    for set in fs::read_dir(from.join("sets"))? {
        let set = set?.path();
        if set.is_dir() && (full || is_quick(&set)?) {
            copy_folder(&set, &into.join("sets").join(set.file_name().unwrap_or_default()), &|_| true)?;
        }
    }
    for folder in ["trajectories", "photographs"] {
        copy_folder(&from.join(folder), &into.join(folder), &|_| true)?;
    }
    Ok(())
}

fn is_quick(set: &Path) -> io::Result<bool> {
    let manifest: Value = serde_json::from_slice(&fs::read(set.join("manifest.json"))?)?;
    Ok(manifest["profile"] == "quick")
}

/// The manual and the completions, as the program itself writes them.
pub fn share(program: &Path, libtorch: Option<&Path>, into: &Path) -> Result<(), Failure> {
    let run = |arguments: &[OsString]| {
        let mut command = Command::new(program);
        command.args(arguments).stderr(io::stderr());
        if let Some(libtorch) = libtorch {
            Environment::of(libtorch).apply(&mut command);
        }
        let output = command.output().map_err(|error| unwritten(program, &error))?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(Failure::environment(format!("{} fails", program.display()), "its output is above")),
        }
    };
    run(&["completions".into(), "--man".into(), into.join("man/man1").into()])?;
    let shells = [
        ("bash", "bash-completion/completions/dinov3-harness"),
        ("zsh", "zsh/site-functions/_dinov3-harness"),
        ("fish", "fish/vendor_completions.d/dinov3-harness.fish"),
    ];
    for (shell, file) in shells {
        let (text, file) = (run(&["completions".into(), shell.into()])?, into.join(file));
        let written = fs::create_dir_all(file.parent().unwrap_or(into)).and_then(|()| fs::write(&file, text));
        written.map_err(|error| unwritten(&file, &error))?;
    }
    Ok(())
}

/// Copies a file, and makes the folder that it goes to.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).map(|_| ())
}

/// Copies the files of a folder that are wanted, and what lies below it.
pub fn copy_folder(from: &Path, to: &Path, wanted: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?.path();
        let target = to.join(entry.file_name().unwrap_or_default());
        if entry.is_dir() {
            copy_folder(&entry, &target, wanted)?;
        } else if wanted(&entry) {
            copy(&entry, &target)?;
        }
    }
    Ok(())
}

/// Replaces the command by a link to the file.
fn link(file: &Path, command: &Path) -> io::Result<()> {
    let folder = command.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let new = folder.join(format!(".{PROGRAM}.{}", std::process::id()));
    std::os::unix::fs::symlink(file, &new)?;
    fs::rename(&new, command)
}

/// What cannot be read or written.
pub fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::environment(format!("`{}` cannot be used: {error}", path.display()), OTHER_FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_executable_is_the_program() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\nnot json\n{\"executable\":\"/t/dinov3-harness\"}\n";
        assert_eq!(executable(messages), Some("/t/dinov3-harness".into()));
        assert_eq!(executable(""), None);
    }

    #[test]
    fn golden_data_are_those_of_the_quick_profile() {
        let folder = tempfile::tempdir().unwrap();
        golden(folder.path(), false).unwrap();
        let is_there = |file: &str| folder.path().join(file).is_file();
        assert!(is_there("sets/micro/manifest.json") && is_there("photographs/chelsea.jpg"));
        assert!(!is_there("sets/vit_large/manifest.json") && folder.path().join("trajectories").is_dir());
    }

    #[test]
    fn a_command_is_replaced_by_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let command = folder.path().join("bin/dinov3-harness");
        for file in ["old", "new"] {
            link(&folder.path().join(file), &command).unwrap();
            assert_eq!(fs::read_link(&command).unwrap(), folder.path().join(file));
        }
    }
}
