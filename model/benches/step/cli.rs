//! The arguments as they are typed, and the paths that they mean.

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};

use crate::recipe::Recipe;

/// Set by `cargo ci bench` to the folder that it is called in: cargo runs a benchmark in the folder of its crate.
const CALLED_FROM: &str = "DINOV3_CALLED_FROM";

/// Times the training step beside the reference's: the same recipe, batches and threads, in turn, each round in its own process.
#[derive(Debug, Parser)]
#[command(name = "cargo ci bench step --", bin_name = "cargo ci bench step --", after_help = EXIT_CODES)]
pub struct Arguments {
    /// Git checkout of facebookresearch/dinov3 at the pinned commit; without it our side is measured alone.
    #[arg(long, value_name = "PATH")]
    pub reference: Option<PathBuf>,
    /// The Python that has the packages of golden/export/requirements.txt.
    #[arg(long, value_name = "PYTHON", default_value = "python3")]
    pub python: PathBuf,
    /// What to train; repeatable. All by default.
    #[arg(long, value_enum)]
    pub recipe: Vec<Recipe>,
    /// How often both sides are timed, in turn.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Threads of either side.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: u32,
    /// Also write the figures here.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Measure one recipe once, in this process, and print a line of JSON.
    #[arg(long, value_enum, hide = true)]
    pub side: Option<Side>,
    /// Given by `cargo bench` to every benchmark.
    #[arg(long, hide = true)]
    pub bench: bool,
}

const EXIT_CODES: &str = "\
Relative paths start where `cargo ci` is called.

Exit codes:
  0  measured
  1  the two sides do not compute the same, so that comparing their speed would mean nothing
  2  wrong usage or input, such as another commit of the reference
  3  the environment lacks something, such as a Python package";

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

    /// The Python to run: a name is looked for in `PATH`, anything with a separator is a path.
    pub fn python(&self) -> PathBuf {
        if self.python.components().count() > 1 { from_caller(&self.python) } else { self.python.clone() }
    }
}

/// A path as the caller means it.
pub fn from_caller(path: &Path) -> PathBuf {
    std::env::var_os(CALLED_FROM).map_or_else(|| path.to_owned(), |folder| Path::new(&folder).join(path))
}
