//! `--nproc N`: this command line as N ranks of this machine.

use std::ffi::OsString;
use std::path::PathBuf;

use dinov3_ground::Words;
use dinov3_ground::hint::show;
use dinov3_ranks::launch::{Death, Ended, How, Request, Show};
use dinov3_reports::exit;

use crate::failure::Result;

/// The option that makes a launcher of the program.
const NPROC: &str = "--nproc";

/// Starts the ranks and waits for their end; gives the exit code of the one to blame, whose error is the last on the screen.
pub fn launch(ranks: usize) -> Result<i32> {
    let program = this_program()?;
    let arguments = without_nproc(std::env::args_os().skip(1));
    let request = Request { ranks, program, arguments, consequence: exit::PEER, show: Show::Through };
    let ended = request.resolve()?.run(&mut |_| {})?;
    if let Ended::Failed(death) = &ended {
        if let Some(said) = last_words(death) {
            eprintln!("{said}");
        }
        // The error of a rank that ended by itself is the last word.
        if matches!(death.how, How::Signal(_)) {
            show(death);
        }
    }
    Ok(ended.exit_code())
}

/// What the rank to blame said, unless that is on the screen already.
fn last_words(death: &Death) -> Option<String> {
    let words = Some(&death.last_words).filter(|words| !words.is_empty())?;
    Some(match death.how {
        How::Code(_) => format!("{death}:\n{words}"),
        How::Signal(_) => format!("rank {} said last:\n{words}", death.rank),
    })
}

/// The file of this program.
pub fn this_program() -> Result<PathBuf> {
    std::env::current_exe()
        .map_err(|error| Words::new("this program does not find itself, to start ranks of it").because(error).into())
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
    use dinov3_ground::hint::text;

    use super::*;

    fn screen(rank: usize, how: How, last_words: &str) -> String {
        let death = Death { rank, of: 4, how, last_words: last_words.to_owned() };
        let error = matches!(how, How::Signal(_)).then(|| format!("error: {}", text(&death)));
        [super::last_words(&death), error].into_iter().flatten().collect::<Vec<_>>().join("\n")
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
