//! `cargo ci bench augment`: see [`dinov3_perf::augment`].

use std::process::ExitCode;

use clap::Parser;
use dinov3_perf::{Failure, augment};

fn main() -> ExitCode {
    Failure::exit_code(augment::run(&augment::Arguments::parse()))
}
