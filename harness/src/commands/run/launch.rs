//! `--nproc N`: this command line as N ranks of this machine.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Error, Result, anyhow};
use dinov3_ranks::launch::{Death, Ended, How, LaunchError, Request, Show};
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
        let (said, error) = last_word(death);
        if let Some(said) = said {
            eprintln!("{said}");
        }
        if let Some(error) = error {
            failure::show(&error);
        }
    }
    Ok(ended.exit_code())
}

/// What the rank to blame said, unless that is on the screen already, and what there is to say of its death: the last of them ends the output.
fn last_word(death: &Death) -> (Option<String>, Option<Error>) {
    let said = Some(&death.last_words).filter(|words| !words.is_empty());
    match death.how {
        // Its own error is the last word.
        How::Code(_) => (said.map(|words| format!("{death}:\n{words}")), None),
        How::Signal(_) => {
            let said = said.map(|words| format!("rank {} said last:\n{words}", death.rank));
            (said, Some(anyhow!("{death}\nhint: {}", death.hint())))
        }
    }
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

    fn screen(rank: usize, how: How, last_words: &str) -> String {
        let (said, error) = last_word(&Death { rank, of: 4, how, last_words: last_words.to_owned() });
        let error = error.map(|error| format!("error: {error}"));
        [said, error].into_iter().flatten().collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_error_of_the_rank_to_blame_comes_last() {
        let own = "a note\nerror: there is no such file\nhint: look for it";
        insta::assert_snapshot!(screen(3, How::Code(2), own), @"
        rank 3 of 4 ended with exit code 2:
        a note
        error: there is no such file
        hint: look for it
        ");
        insta::assert_snapshot!(screen(1, How::Signal(11), "a note"), @"
        rank 1 said last:
        a note
        error: rank 1 of 4 was killed by SIGSEGV
        hint: the kernel's log, or a core dump, says where it was
        ");
        // Rank 0's is on the screen already.
        assert_eq!(screen(0, How::Code(2), ""), "");
    }

    #[test]
    fn the_ranks_start_no_ranks() {
        let without = |line: &str| without_nproc(line.split(' ').map(Into::into)).join(OsString::from(" ").as_os_str());
        assert_eq!(without("run --nproc 4 --suite x"), "run --suite x");
        assert_eq!(without("run --suite x --nproc=4"), "run --suite x");
    }
}
