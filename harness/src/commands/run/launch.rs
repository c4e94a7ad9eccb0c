//! `--nproc N`: this command line as N ranks of this machine.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Error, Result, anyhow};
use dinov3_model::dist::launch::{Ended, How, LaunchError, Request, Show};
use dinov3_reports::exit;

use crate::failure;

/// The option that makes a launcher of the program.
const NPROC: &str = "--nproc";

/// Starts the ranks and waits for their end; gives the exit code of the one to blame, whose error is the last on the screen.
pub fn launch(ranks: usize) -> Result<i32> {
    let program = this_program()?;
    let arguments = without_nproc(std::env::args_os().skip(1));
    let request = Request { ranks, program, arguments, consequence: exit::PEER, show: Show::Through };
    let ended = request.resolve().map_err(told)?.run(&mut |_| {}).map_err(told)?;
    if let Ended::Failed(death) = &ended {
        match (&death.how, death.last_words.is_empty()) {
            // Rank 0 has said it itself, and last.
            (How::Code(_), true) => {}
            (How::Code(_), false) => eprintln!("{death}:\n{}", death.last_words),
            (How::Signal(_), said_nothing) => {
                if !said_nothing {
                    eprintln!("rank {} said last:\n{}", death.rank, death.last_words);
                }
                failure::show(&anyhow!("{death}\nhint: {}", death.hint()));
            }
        }
    }
    Ok(ended.exit_code())
}

/// The file of this program.
pub fn this_program() -> Result<PathBuf> {
    std::env::current_exe().context("this program does not find itself, to start ranks of it")
}

fn told(error: LaunchError) -> Error {
    let hint = error.hint();
    anyhow!("{error}\nhint: {hint}")
}

/// The arguments but for the option: its name and its value, in one word or two.
fn without_nproc(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        if argument == NPROC {
            // Its value, which has been parsed.
            arguments.next();
        } else if !argument.to_string_lossy().starts_with(&format!("{NPROC}=")) {
            kept.push(argument);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranks_start_no_ranks() {
        let without = |line: &str| without_nproc(line.split(' ').map(Into::into)).join(OsString::from(" ").as_os_str());
        assert_eq!(without("run --nproc 4 --suite x"), "run --suite x");
        assert_eq!(without("run --suite x --nproc=4"), "run --suite x");
    }
}
