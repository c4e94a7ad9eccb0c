//! The command line of the harness. It turns raw arguments into a request that cannot hold nonsense, hands the request to the suites, and
//! turns their events into text, files and an exit code.

mod cli;
mod commands;
mod deliver;
mod destination;
mod device;
mod environment;
mod failure;
mod plants;

use clap::Parser;
use dinov3_ground::hint::show;
use dinov3_reports::exit;

use cli::{Cli, Command, GoldenCommand};
use failure::Result;

/// Runs the command line and gives the exit code, one of [`dinov3_reports::exit`].
///
/// # Safety
/// Call it as the first statement of the program's `main`: it holds libtorch to an instruction set by changing the environment, which no
/// other thread may read meanwhile.
pub unsafe fn main() -> i32 {
    let result = match Cli::try_parse() {
        Ok(cli) => {
            let pinned = match &cli.command {
                Command::Run(args) => !args.no_pins,
                Command::Train(args) => !args.no_pins,
                // Weights are drawn as they were for the recording.
                Command::Golden(GoldenCommand::Weights(_)) => true,
                _ => false,
            };
            if pinned {
                // SAFETY: the caller promises it; parsing arguments starts no thread and does not call libtorch.
                unsafe { dinov3_torch::runtime::pin(&dinov3_torch::runtime::AVX2) };
            }
            dinov3_torch::runtime::keep_freed_memory();
            commands::run(cli.command)
        }
        Err(error) => without_command(&error),
    };
    result.unwrap_or_else(|error| {
        show(error.as_hint());
        failure::exit_code(&error)
    })
}

/// Handles help and version, which clap reports as errors, and wrong arguments.
fn without_command(error: &clap::Error) -> Result<i32> {
    use clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand as NoCommand;
    if error.kind() == NoCommand {
        // The help says what is missing, and is no data.
        error.print()?;
        return Ok(exit::USAGE);
    }
    if plants::is_asked_for(error) {
        return commands::plants();
    }
    if error.use_stderr() {
        return Err(failure::usage(error));
    }
    commands::print_in_colour(&error.render().ansi().to_string())?;
    Ok(exit::PASS)
}
