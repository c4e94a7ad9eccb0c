//! The command line of the harness: raw arguments become a request that cannot hold nonsense, a request is handed to the
//! suites, and what they say becomes text, files and an exit code.

mod cli;
mod commands;
mod device;
mod environment;
mod failure;

use anyhow::Error;
use clap::Parser;
use dinov3_reports::exit;

use cli::{Cli, Command};

/// Runs the command line and gives the exit code: see [`dinov3_reports::exit`].
///
/// # Safety
/// Only as the first statement of the program's `main`: it holds libtorch to an instruction set by changing the
/// environment, which no other thread may read meanwhile.
pub unsafe fn main() -> i32 {
    let cli = Cli::parse();
    if !cli.no_pins {
        // SAFETY: the caller's promise; parsing arguments starts no thread and calls no libtorch.
        unsafe { dinov3_model::runtime::pin(dinov3_model::runtime::AVX2) };
    }
    let result = match cli.command {
        Command::Run(args) => commands::run::run(args),
        Command::Golden(command) => commands::golden::golden(command),
        Command::Suites => commands::suites::suites(),
    };
    result.unwrap_or_else(|error| report(&error))
}

/// Shows an error with its causes, and says which exit code it means.
fn report(error: &Error) -> i32 {
    let text = failure::describe(error);
    anstream::eprintln!("{}: {text}", owo_colors::OwoColorize::red(&"error"));
    if error.is::<failure::EnvironmentFailure>() { exit::ENVIRONMENT } else { exit::USAGE }
}
