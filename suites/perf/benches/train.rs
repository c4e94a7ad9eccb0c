//! `cargo ci bench train`: see [`dinov3_perf::train`].

use std::process::ExitCode;

use clap::Parser;
use dinov3_perf::{Failure, train};

fn main() -> ExitCode {
    Failure::exit_code(train::run(&train::Arguments::parse()))
}
