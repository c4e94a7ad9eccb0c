//! `cargo ci bench step`: see [`dinov3_perf::step`].

use std::process::ExitCode;

use clap::Parser;
use dinov3_perf::{Failure, step};

fn main() -> ExitCode {
    Failure::exit_code(step::run(&step::Arguments::parse()))
}
