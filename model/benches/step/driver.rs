//! Starts both sides in turn, and refuses to compare what is not the same.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dinov3_model::runtime::AVX2;

use crate::cli::{Arguments, from_caller};
use crate::failure::{ENVIRONMENT, FAILED, Failure, USAGE};
use crate::measured::Measured;
use crate::recipe::{BATCHES, ITERATION, Recipe};
use crate::summary::{Figures, Round};

/// The program of the reference's side.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/step/reference.py");

/// How the two sides are started.
pub struct Driver {
    python: PathBuf,
    /// The reference's checkout, if its side is measured.
    reference: Option<PathBuf>,
    threads: u32,
}

impl Driver {
    /// Looks whether the reference can be run, before anything is timed.
    ///
    /// # Errors
    /// When there is no such Python or checkout, or it lacks something; the program that looked has said what.
    pub fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let reference = arguments.reference.as_deref().map(from_caller);
        let driver = Self { python: arguments.python(), reference, threads: arguments.threads };
        if let Some(reference) = &driver.reference {
            let mut check = driver.program(reference);
            finish(check.arg("--check"), &driver.python)?;
        }
        Ok(driver)
    }

    /// Times both sides so often, in turn.
    ///
    /// # Errors
    /// When a side fails, and when they do not compute the same.
    pub fn measure(&self, recipe: Recipe, rounds: u32) -> Result<Figures, Failure> {
        let mut done = Vec::new();
        for round in 1..=rounds {
            let name = recipe.name();
            let ours = self.ours(recipe)?;
            eprint!("{name}, round {round} of {rounds}: {:.3} steps/s", ours.rate());
            let reference = self.theirs(recipe).inspect_err(|_| eprintln!())?;
            if let Some(reference) = &reference {
                eprintln!(", the reference {:.3}", reference.rate());
                if let Some(difference) = ours.differs_from(reference) {
                    let message = format!("{name}: {difference}: the two sides do not compute the same");
                    let hint =
                        "their speeds are not compared; `cargo harness run --suite precision` tells what differs";
                    return Err(Failure::new(FAILED, message, hint));
                }
            } else {
                eprintln!();
            }
            done.push(Round { ours, reference });
        }
        Ok(Figures { recipe: name_and_images(recipe), rounds: done })
    }

    fn ours(&self, recipe: Recipe) -> Result<Measured, Failure> {
        let program = std::env::current_exe().map_err(|error| {
            Failure::new(
                ENVIRONMENT,
                format!("this program does not know where it is: {error}"),
                "start it by its path",
            )
        })?;
        let mut command = Command::new(&program);
        command.args(["--side", "ours", "--recipe", recipe.name(), "--threads", &self.threads.to_string()]);
        parse(&finish(&mut command, &program)?)
    }

    fn theirs(&self, recipe: Recipe) -> Result<Option<Measured>, Failure> {
        let Some(reference) = &self.reference else { return Ok(None) };
        let mut command = self.program(reference);
        command.arg("--manifest").arg(recipe.manifest());
        for (option, value) in [
            ("--threads", i64::from(self.threads)),
            ("--images", recipe.images()),
            ("--batches", BATCHES as i64),
            ("--iteration", ITERATION as i64),
            ("--warm-up", recipe.warm_up() as i64),
            ("--steps", recipe.steps() as i64),
        ] {
            command.arg(option).arg(value.to_string());
        }
        parse(&finish(&mut command, &self.python)?).map(Some)
    }

    /// The reference's side, which brings its own libtorch: ours must not come before it in the library path.
    fn program(&self, reference: &Path) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(PROGRAM).arg("--reference").arg(reference);
        match library_path() {
            Some(path) => command.env("LD_LIBRARY_PATH", path),
            None => command.env_remove("LD_LIBRARY_PATH"),
        };
        command
    }
}

/// As a reader knows it.
fn name_and_images(recipe: Recipe) -> String {
    format!("{}, {} images", recipe.name(), recipe.images())
}

/// The library path without our libtorch; `None` where nothing else is on it.
fn library_path() -> Option<OsString> {
    let ours = std::env::var_os("LIBTORCH").map(|root| Path::new(&root).join("lib"));
    let path = std::env::var_os("LD_LIBRARY_PATH")?;
    let others = std::env::split_paths(&path).filter(|folder| Some(folder) != ours.as_ref());
    std::env::join_paths(others).ok().filter(|path| !path.is_empty())
}

/// What a process prints on standard output, once it has ended. No side is pinned to an instruction set.
fn finish(command: &mut Command, program: &Path) -> Result<String, Failure> {
    for (variable, _) in AVX2 {
        command.env_remove(variable);
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(|error| {
        let message = format!("{} cannot be run: {error}", program.display());
        Failure::new(ENVIRONMENT, message, "name the Python of the reference's environment with --python")
    })?;
    match output.status.code() {
        Some(0) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        // These are the project's own, and a message has been printed.
        Some(code @ 1..=3) => Err(Failure::said([FAILED, USAGE, ENVIRONMENT][code as usize - 1])),
        _ => {
            let message = format!("{} ended with {}", program.display(), output.status);
            Err(Failure::new(FAILED, message, "signal 9 usually means that memory ran out"))
        }
    }
}

fn parse(line: &str) -> Result<Measured, Failure> {
    serde_json::from_str(line.trim()).map_err(|error| {
        let message = format!("a side printed no figures ({error}): {line}");
        Failure::new(FAILED, message, "run `reference.py` alone to see what it prints")
    })
}
