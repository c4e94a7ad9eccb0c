//! `cargo ci bench pixels`: see [`dinov3_perf::pixels`].

use std::process::ExitCode;

use dinov3_perf::{Failure, pixels};

fn main() -> ExitCode {
    Failure::exit_code(pixels::run())
}
