//! `cargo harness` and `cargo ci`: bring libtorch to this machine, then build, check or run the workspace.
//!
//! This crate depends neither on `tch` nor on any crate of the workspace that does, so that it builds before libtorch is there.

mod aarch64;
mod benches;
mod cli;
mod cuda;
mod environment;
mod failure;
mod gate;
mod harness;
mod libtorch;
mod npu;
mod package;
mod tasks;
mod wheel;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run(std::env::args_os().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
