//! Both sides in turn, each in a process of its own. Two sides that compute different losses are not compared.

use dinov3_torch::runtime::AVX2;
use serde::Serialize;

use super::measured::Measured;
use crate::failure::{FAILED, Failure};
use crate::process::{Program, figures};
use crate::reference::Reference;
use crate::rounds::Workload;
use crate::training::{BATCHES, ITERATION, Recipe};

/// Both sides, one after the other.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// Our side.
    pub ours: Measured,
    /// The reference's, if it was measured.
    pub reference: Option<Measured>,
}

/// Training steps of one recipe.
#[derive(Clone, Debug)]
pub struct Steps {
    /// What is trained.
    pub recipe: Recipe,
    /// Threads of either side.
    pub threads: u32,
    /// The program that measures our side when its arguments are `--side ours --recipe RECIPE --threads N`.
    pub ours: Program,
    /// The reference, if its side is measured.
    pub reference: Option<Reference>,
}

impl Steps {
    /// The recipe's name and its batch, as a reader knows it.
    pub fn name(&self) -> String {
        format!("{}, {} images", self.recipe.name(), self.recipe.images())
    }

    fn ours(&self) -> Result<Measured, Failure> {
        let mut command = self.ours.command();
        command.args(["--side", "ours", "--recipe", self.recipe.name(), "--threads", &self.threads.to_string()]);
        // No side is pinned to an instruction set; the reference's program sees to its own.
        for (variable, _) in AVX2 {
            command.env_remove(variable);
        }
        figures(&mut command)
    }

    fn theirs(&self) -> Result<Option<Measured>, Failure> {
        let Some(reference) = &self.reference else { return Ok(None) };
        let recipe = self.recipe;
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

impl Workload for Steps {
    type Round = Round;

    fn round(&self) -> Result<Round, Failure> {
        let ours = self.ours()?;
        let reference = self.theirs()?;
        if let Some(difference) = reference.as_ref().and_then(|reference| ours.differs_from(reference)) {
            let message = format!("{}: {difference}: the two sides do not compute the same", self.recipe.name());
            let hint = "their speeds are not compared; `cargo harness run --suite precision` tells what differs";
            return Err(Failure::new(FAILED, message, hint));
        }
        Ok(Round { ours, reference })
    }
}
