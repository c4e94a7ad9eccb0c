//! What is trained: the recipes of three golden sets, whose merged configs both sides have.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::{FAILED, Failure};

/// Distinct batches, taken in turn.
pub const BATCHES: usize = 3;
/// The first step: past every warm-up, with a learning rate and an unfrozen last layer.
pub const ITERATION: usize = 20_000;

/// A golden set whose recipe is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Recipe {
    /// ViT of width 64 with 3 blocks, 2x32 + 4x16 pixels, 256 prototypes; 8 images.
    Micro,
    /// ViT-S/16, 2x224 + 8x96 pixels, 1024 prototypes; 4 images.
    VitSmall,
    /// The published ViT-L/16 recipe, 65536 prototypes; 2 images.
    VitLarge,
}

/// What of the set's recipe both sides need.
#[derive(Debug, Deserialize)]
pub struct Recorded {
    /// The merged config.
    pub config: Value,
    /// From which all random numbers come.
    pub seed: u64,
    /// Noise on the fresh weights.
    pub warm: f64,
}

#[derive(Deserialize)]
struct Manifest {
    recipe: Recorded,
}

impl Recipe {
    /// The name of the golden set.
    pub fn name(self) -> &'static str {
        match self {
            Self::Micro => "micro",
            Self::VitSmall => "vit_small",
            Self::VitLarge => "vit_large",
        }
    }

    /// Images of a batch.
    pub fn images(self) -> i64 {
        match self {
            Self::Micro => 8,
            Self::VitSmall => 4,
            Self::VitLarge => 2,
        }
    }

    /// Steps before the clock runs: allocations, caches, the optimizer's state.
    pub fn warm_up(self) -> usize {
        if self == Self::Micro { 5 } else { 1 }
    }

    /// Steps on the clock: a few seconds.
    pub fn steps(self) -> usize {
        match self {
            Self::Micro => 60,
            Self::VitSmall => 3,
            Self::VitLarge => 1,
        }
    }

    /// The manifest of the golden set.
    pub fn manifest(self) -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "..", "..", "golden", "sets", self.name(), "manifest.json"].iter().collect()
    }

    /// The set's recipe.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    pub fn recorded(self) -> Result<Recorded, Failure> {
        let unreadable = |error: String| {
            let message = format!("the golden set {} cannot be read: {error}", self.name());
            Failure::new(FAILED, message, "`cargo harness golden verify` looks at all sets")
        };
        let text = std::fs::read(self.manifest()).map_err(|error| unreadable(error.to_string()))?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
        Ok(manifest.recipe)
    }
}
