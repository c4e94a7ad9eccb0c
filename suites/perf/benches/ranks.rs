//! `cargo ci bench ranks`: see [`dinov3_perf::ranks`].

use std::process::ExitCode;

use clap::Parser;
use dinov3_perf::{Failure, ranks};

fn main() -> ExitCode {
    Failure::exit_code(ranks::run(&ranks::Arguments::parse()))
}
