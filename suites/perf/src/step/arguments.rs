//! The arguments as they are typed.

use clap::{Parser, ValueEnum};

use crate::arguments::{Common, exit_codes};
use crate::training::Recipe;

/// Times the training step beside the reference's: the same recipe, batches and threads, in turn, each round in its own process.
#[derive(Debug, Parser)]
#[command(name = "cargo ci bench step --", bin_name = "cargo ci bench step --", after_help = exit_codes("do not compute the same"))]
pub struct Arguments {
    /// The reference, and where the figures go.
    #[command(flatten)]
    pub common: Common,
    /// What to train; repeatable. All by default.
    #[arg(long, value_enum)]
    pub recipe: Vec<Recipe>,
    /// How often both sides are timed, in turn.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Threads of either side.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: u32,
    /// Measure one recipe once, in this process, and print a line of JSON.
    #[arg(long, value_enum, hide = true)]
    pub side: Option<Side>,
}

/// What a process of a round measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Side {
    /// Our trainer.
    Ours,
}

impl Arguments {
    /// The recipes asked for, each once.
    pub fn recipes(&self) -> Vec<Recipe> {
        let asked = |recipe: &Recipe| self.recipe.is_empty() || self.recipe.contains(recipe);
        Recipe::value_variants().iter().copied().filter(asked).collect()
    }
}
