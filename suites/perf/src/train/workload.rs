//! All sides in turn, each in a process of its own. Sides that compute different losses are not compared.

use std::path::Path;

use dinov3_golden::tolerance::same_loss;
use dinov3_torch::runtime::AVX2;
use serde::{Deserialize, Serialize};

use super::arguments::{Arguments, Side};
use super::ours::recipe_file;
use crate::failure::{FAILED, Failure};
use crate::process::{Program, figures};
use crate::reference::Reference;
use crate::rounds::Workload;

/// Iterations before the clock runs.
pub(super) const WARM_UP: usize = 100;

/// What a side hands back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The version of libtorch.
    pub libtorch: String,
    /// The instruction set of ATen's kernels.
    pub capability: String,
    /// Intra-op threads.
    pub threads: u32,
    /// Iterations on the clock.
    pub steps: u32,
    /// What they took.
    pub seconds: f64,
    /// The logged losses, the first that of the first step; of the bare steps that one alone.
    pub losses: Vec<f64>,
    /// What a watched step takes over what its neighbour takes; of the watched program alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_of_watching: Option<f64>,
    /// The seconds that a checkpoint and an export of the teacher take of the loop; of the watched program alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_of_save: Option<f64>,
    /// What the log takes of a run; of the watched program alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_of_logging: Option<f64>,
}

impl Measured {
    /// Steps a second.
    pub fn rate(&self) -> f64 {
        f64::from(self.steps) / self.seconds
    }

    /// Why `other` computes something else than this, which is `name`.
    fn differs_from(&self, name: &str, other: &Self) -> Option<String> {
        let first = |side: &Self| side.losses.first().copied().unwrap_or(f64::NAN);
        let (ours, theirs) = (first(self), first(other));
        let unlike = |what: &str, ours: &str, theirs: &str| {
            (ours != theirs).then(|| format!("{what} is {theirs} where it is {ours} in {name}"))
        };
        unlike("libtorch", &self.libtorch, &other.libtorch)
            .or_else(|| unlike("the instruction set", &self.capability, &other.capability))
            .or_else(|| unlike("the number of threads", &self.threads.to_string(), &other.threads.to_string()))
            .or_else(|| unlike("the number of steps", &self.steps.to_string(), &other.steps.to_string()))
            .or_else(|| {
                (!same_loss(ours, theirs)).then(|| format!("the first loss is {theirs} where it is {ours} in {name}"))
            })
    }
}

/// All sides, one after the other.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// The trainer and the loader.
    pub bare: Measured,
    /// The program.
    pub program: Measured,
    /// The program, every second step of which is watched.
    pub watched: Measured,
    /// The reference's program, if it was measured.
    pub reference: Option<Measured>,
}

/// Iterations of the recipe on all sides.
#[derive(Debug)]
pub struct Sides<'a> {
    /// How many, and on how many threads.
    pub arguments: &'a Arguments,
    /// The program that measures one of our sides.
    pub ours: Program,
    /// The reference, if its side is measured.
    pub reference: Option<Reference>,
    /// The folder of the photographs.
    pub images: &'a Path,
}

impl Sides<'_> {
    fn ours(&self, side: Side) -> Result<Measured, Failure> {
        let name = match side {
            Side::Bare => "bare",
            Side::Program => "program",
            Side::Watched => "watched",
        };
        let mut command = self.ours.command();
        command.args(["--side", name, "--images"]).arg(self.images);
        for (option, value) in [
            ("--threads", self.arguments.threads),
            ("--steps", self.arguments.steps),
            ("--saved-every", self.arguments.saved_every),
        ] {
            command.arg(option).arg(value.to_string());
        }
        for (variable, _) in AVX2 {
            command.env_remove(variable);
        }
        figures(&mut command)
    }

    fn theirs(&self) -> Result<Option<Measured>, Failure> {
        let Some(reference) = &self.reference else { return Ok(None) };
        let mut command = reference.command();
        command.arg("--recipe").arg(recipe_file()).arg("--images").arg(self.images);
        for (option, value) in
            [("--threads", self.arguments.threads), ("--warm-up", WARM_UP as u32), ("--steps", self.arguments.steps)]
        {
            command.arg(option).arg(value.to_string());
        }
        if self.arguments.fsdp {
            command.arg("--fsdp");
        }
        figures(&mut command).map(Some)
    }
}

impl Workload for Sides<'_> {
    type Round = Round;

    fn round(&self) -> Result<Round, Failure> {
        let (bare, program) = (self.ours(Side::Bare)?, self.ours(Side::Program)?);
        let (watched, reference) = (self.ours(Side::Watched)?, self.theirs()?);
        let others = [Some(&program), Some(&watched), reference.as_ref()];
        if let Some(difference) =
            others.into_iter().flatten().find_map(|other| bare.differs_from("the bare steps", other))
        {
            let message = format!("{difference}: the sides do not compute the same");
            let hint = "their speeds are not compared; `cargo harness run --suite trajectory` tells what differs";
            return Err(Failure::new(FAILED, message, hint));
        }
        Ok(Round { bare, program, watched, reference })
    }
}
