//! The arguments as they are typed.

use std::path::PathBuf;

use clap::{Parser, ValueEnum, value_parser};

use crate::arguments::{Common, exit_codes};

/// Times the training program beside its own bare steps and beside the reference's program, in turn, each round in its own process.
#[derive(Debug, Parser)]
#[command(name = "cargo ci bench train --", bin_name = "cargo ci bench train --", after_help = exit_codes("do not compute the same"))]
pub struct Arguments {
    /// The reference, and where the figures go.
    #[command(flatten)]
    pub common: Common,
    /// How often all sides are timed, in turn.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Threads of either side.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = value_parser!(u32).range(1..))]
    pub threads: u32,
    /// Iterations on the clock; a hundred come before.
    #[arg(long, value_name = "N", default_value_t = 2500, value_parser = value_parser!(u32).range(1..100_000))]
    pub steps: u32,
    /// Iterations between two checkpoints and exports of the teacher on our side; the recipe has 12500.
    #[arg(long, value_name = "N", default_value_t = 1250, value_parser = value_parser!(u32).range(1..))]
    pub saved_every: u32,
    /// Run the reference with FSDP2, as it is; it is faster without.
    #[arg(long)]
    pub fsdp: bool,
    /// Measure one of our sides once, in this process, and print a line of JSON.
    #[arg(long, value_enum, hide = true, requires = "images")]
    pub side: Option<Side>,
    /// The folder of the photographs of that side.
    #[arg(long, hide = true)]
    pub images: Option<PathBuf>,
}

/// One of our sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Side {
    /// The trainer and the loader.
    Bare,
    /// The program.
    Program,
    /// The program, every second step of which is watched as the suite `performance` watches all.
    Watched,
}
