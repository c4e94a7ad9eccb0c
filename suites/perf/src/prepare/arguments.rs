//! The arguments as they are typed.

use std::path::PathBuf;

use crate::arguments::{Common, exit_codes};
use clap::Parser;

/// Times the making of ImageNet's tables beside the reference's `dump_extra`: the same generated tree, in turn.
#[derive(Debug, Parser)]
#[command(name = "cargo ci bench prepare --", bin_name = "cargo ci bench prepare --", after_help = exit_codes("do not write the same tables"))]
pub struct Arguments {
    /// The reference, and where the figures go.
    #[command(flatten)]
    pub common: Common,
    /// Images of the tree.
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub images: u32,
    /// Classes of the tree.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub classes: u32,
    /// How often both sides are timed, in turn.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// In which folder the tree is made; it is removed again. The system's folder for temporary files by default.
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Empty the kernel's caches before each timing (Linux, as root); otherwise both sides find the folders in memory.
    #[arg(long)]
    pub cold: bool,
}
