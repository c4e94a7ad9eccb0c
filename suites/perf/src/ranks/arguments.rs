//! The arguments as they are typed.

use std::path::PathBuf;

use clap::Parser;

use crate::training::Recipe;

/// Times training steps over several ranks of this machine beside those of one, with the same global batch.
#[derive(Debug, Parser)]
#[command(name = "cargo ci bench ranks --", bin_name = "cargo ci bench ranks --")]
pub struct Arguments {
    /// What to train.
    #[arg(long, value_enum, default_value = "vit_small")]
    pub recipe: Recipe,
    /// How many ranks; repeatable. Each number must divide the recipe's batch. 1 and 2 by default.
    #[arg(long, value_name = "N", default_values_t = [1, 2], value_parser = clap::value_parser!(u32).range(1..))]
    pub ranks: Vec<u32>,
    /// How often each number of ranks is timed, in turn.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Threads of all ranks together; each has an equal share, one at least.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: u32,
    /// Gather parameters once more for backward, in place of keeping them.
    #[arg(long)]
    pub reshard: bool,
    /// Also write the figures here.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Train as the rank that the environment names, and write the figures into this folder.
    #[arg(long, value_name = "DIR", hide = true)]
    pub as_rank: Option<PathBuf>,
    /// Given by `cargo bench` to every benchmark.
    #[arg(long, hide = true)]
    pub bench: bool,
}
