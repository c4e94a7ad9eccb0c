//! `cargo ci bench prepare`: see [`dinov3_perf::prepare`].

use std::process::ExitCode;

use clap::Parser;
use dinov3_perf::{Failure, prepare};

fn main() -> ExitCode {
    Failure::exit_code(prepare::run(&prepare::Arguments::parse()))
}
