//! The arguments of `run` that are for the suite `performance`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, value_parser};
use dinov3_suites::performance::Flag;

/// What the suite `performance` measures.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Options of the suite `performance`")]
pub struct PerformanceArgs {
    /// The recipe to measure: micro-125k, vits16, vitl16-performance or vitl16-published. Default: micro-125k.
    #[arg(long, value_name = "NAME", conflicts_with = "candidate")]
    pub recipe: Option<String>,
    /// Epochs of the recipe. Default: 1, unless `--steps` says how many steps.
    #[arg(long, value_name = "N", conflicts_with_all = ["candidate", "steps"], value_parser = value_parser!(u64).range(1..))]
    pub epochs: Option<u64>,
    /// Images a step on one rank. Default: the recipe's.
    #[arg(long, value_name = "N", conflicts_with = "candidate", value_parser = value_parser!(u64).range(1..))]
    pub batch_size: Option<u64>,
    /// The folder of ImageNet's images, as in `root=`. Default: 36 photographs on board.
    #[arg(long, value_name = "DATA_ROOT", conflicts_with = "candidate")]
    pub data: Option<PathBuf>,
    /// The folder of their tables, as in `extra=`. Default: DATA_ROOT.
    #[arg(long, value_name = "EXTRA", requires = "data")]
    pub extra: Option<PathBuf>,
    /// Make batches, and compute nothing.
    #[arg(long, conflicts_with = "candidate")]
    pub data_only: bool,
    /// Make four batches beforehand, and take them over and over.
    #[arg(long, conflicts_with_all = ["candidate", "data_only"])]
    pub compute_only: bool,
    /// Let this doubt about the figures pass; repeatable. The report shows it all the same.
    #[arg(long, value_name = "FLAG", conflicts_with = "candidate", value_parser = flags())]
    pub allow: Vec<Flag>,
}

fn flags() -> impl TypedValueParser<Value = Flag> {
    PossibleValuesParser::new(Flag::ALL.map(Flag::name))
        .try_map(|name| Flag::named(&name).ok_or("there is no such flag"))
}

impl PerformanceArgs {
    /// The first option that was given.
    pub fn given(&self) -> Option<&'static str> {
        let all = [
            ("--recipe", self.recipe.is_some()),
            ("--epochs", self.epochs.is_some()),
            ("--batch-size", self.batch_size.is_some()),
            ("--data", self.data.is_some()),
            ("--extra", self.extra.is_some()),
            ("--data-only", self.data_only),
            ("--compute-only", self.compute_only),
            ("--allow", !self.allow.is_empty()),
        ];
        all.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
    }
}
