//! Starts both sides in turn, and refuses to compare what is not the same.

use std::process::Command;

use dinov3_beside::{ENVIRONMENT, FAILED, Failure, Reference, figures};
use dinov3_torch::runtime::AVX2;

use crate::cli::Arguments;
use crate::measured::Measured;
use crate::recipe::{BATCHES, ITERATION, Recipe};
use crate::summary::{Figures, Round};

/// The program of the reference's side.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/step/reference.py");

/// How the two sides are started.
pub struct Driver {
    /// If its side is measured.
    reference: Option<Reference>,
    threads: u32,
}

impl Driver {
    /// Looks whether the reference can be run, before anything is timed.
    ///
    /// # Errors
    /// When it cannot.
    pub fn new(arguments: &Arguments) -> Result<Self, Failure> {
        Ok(Self { reference: Reference::find(&arguments.beside, PROGRAM)?, threads: arguments.threads })
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
        // No side is pinned to an instruction set; the reference's program sees to its own.
        for (variable, _) in AVX2 {
            command.env_remove(variable);
        }
        figures(&mut command)
    }

    fn theirs(&self, recipe: Recipe) -> Result<Option<Measured>, Failure> {
        let Some(reference) = &self.reference else { return Ok(None) };
        let mut command = reference.command();
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
        figures(&mut command).map(Some)
    }
}

/// As a reader knows it.
fn name_and_images(recipe: Recipe) -> String {
    format!("{}, {} images", recipe.name(), recipe.images())
}
