//! The arguments as they are typed.

use crate::arguments::{Common, exit_codes};
use clap::Parser;

/// Times decoding and augmentation beside the reference's, in turn.
#[derive(Debug, Parser)]
#[command(name = "cargo ci bench augment --", bin_name = "cargo ci bench augment --")]
#[command(after_help = exit_codes("do not make the same crops"))]
pub struct Arguments {
    /// The reference, and where the figures go.
    #[command(flatten)]
    pub common: Common,
    /// How often both sides are timed, in turn.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Images that the reference is given in a round; a core of ours gets eight times as many.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub images: u32,
    /// Threads of ours beside one alone.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: u32,
}
