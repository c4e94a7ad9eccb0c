//! The commands. Each turns its arguments into an exit code.

mod baseline;
mod checkpoint;
mod compare;
mod completions;
mod config;
mod data;
pub mod doctor;
mod golden;
mod report;
mod run;
mod suites;
pub mod train;
mod worker;

use std::path::{Path, PathBuf};

use dinov3_ground::Words;
use dinov3_ground::similar::most_like;
use dinov3_reports::{TextTable, exit, terminal};
use dinov3_suites::defects;

use crate::cli::Command;
use crate::failure::{EnvironmentFailure, Result, refusal};

/// Runs a command and gives the exit code.
///
/// # Errors
/// If the input is wrong, the output cannot be written, or the environment lacks something.
pub fn run(command: Command) -> Result<i32> {
    match command {
        Command::Run(args) => run::run(*args),
        Command::Train(args) => train::train(args),
        Command::Report(args) => report::report(args),
        Command::Baseline(command) => baseline::baseline(command),
        Command::Compare(args) => compare::compare(args),
        Command::Golden(command) => golden::golden(command),
        Command::Data(command) => data::data(command),
        Command::Doctor(args) => doctor::doctor(args),
        Command::Completions(args) => completions::completions(args),
        Command::Checkpoint(command) => checkpoint::checkpoint(command),
        Command::Suites => suites::suites(),
        Command::Config(args) => config::config(args),
        Command::Worker(args) => worker::worker(&args),
    }
}

/// Prints the table of planted defects.
///
/// # Errors
/// When standard output takes no more.
pub fn plants() -> Result<i32> {
    print_table(&defects::table())?;
    Ok(exit::PASS)
}

/// Prints data, byte for byte. `anstream` would remove everything that looks like a terminal code, such as U+007F.
///
/// # Errors
/// If standard output cannot be written. A closed pipe is no error.
pub fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes())
}

/// Prints a report, which need not be text.
///
/// # Errors
/// As [`print`].
pub fn print_bytes(bytes: &[u8]) -> Result<()> {
    print_to(&mut std::io::stdout(), bytes)
}

/// Prints a text, in colour if standard output is a terminal.
///
/// # Errors
/// As [`print`].
pub fn print_in_colour(text: &str) -> Result<()> {
    print_to(&mut anstream::stdout(), text.as_bytes())
}

fn print_to(output: &mut impl std::io::Write, bytes: &[u8]) -> Result<()> {
    dinov3_reports::print_bytes(output, bytes).map_err(|error| {
        Words::new("standard output cannot be written")
            .hint("see where it is redirected to, and whether that disk is full")
            .because(error)
            .into()
    })
}

/// Prints a table, fitted to the terminal if there is one.
fn print_table(table: &TextTable) -> Result<()> {
    let width = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0);
    print_in_colour(&terminal::table(table, width))
}

/// The folders of golden sets: those given, or the value of `DINOV3_GOLDEN`, or the sets of this repository.
fn golden_roots(given: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    if !given.is_empty() {
        given.iter().try_for_each(|folder| is_folder(folder))?;
        return Ok(given);
    }
    match std::env::var_os("DINOV3_GOLDEN").filter(|root| !root.is_empty()) {
        Some(root) => Ok(vec![root.into()]),
        None => Ok(vec![own_sets(&own_places())?]),
    }
}

/// Refuses a file, and the name of a set in the place of its folder. A folder that is not there is refused by whoever looks into it.
fn is_folder(given: &Path) -> Result<()> {
    if given.is_file() {
        let hint = "give the folder of a golden set, or of a recording made elsewhere";
        return Err(refusal(format!("{} is a file, and no folder", given.display()), hint));
    }
    if given.exists() || given.components().count() != 1 {
        return Ok(());
    }
    match named_like(&given.to_string_lossy()) {
        Some(set) => Err(refusal(
            format!("there is no folder {}", given.display()),
            format!("did you mean `{}`?", set.display()),
        )),
        None => Ok(()),
    }
}

/// The set of this repository that has this name, or one like it.
fn named_like(name: &str) -> Option<PathBuf> {
    let sets = own_sets(&own_places()).ok()?;
    let folders = std::fs::read_dir(&sets).ok()?.filter_map(|it| it.ok()?.file_name().into_string().ok());
    let mut known: Vec<String> = folders.filter(|it| sets.join(it).join("manifest.json").is_file()).collect();
    known.sort();
    most_like(name, known.iter().map(String::as_str)).map(|meant| sets.join(meant))
}

/// The places to look for this repository's sets: below the current folder, beside the folder of an installed program, and in the folder
/// of the build.
fn own_places() -> Vec<PathBuf> {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR"));
    let repository = built_in.parent().unwrap_or(built_in);
    let program = std::env::current_exe().ok();
    let installed =
        program.as_deref().and_then(Path::parent).and_then(Path::parent).map(|folder| folder.join("golden/sets"));
    let places = [Some("golden/sets".into()), installed, Some(repository.join("golden/sets"))];
    places.into_iter().flatten().collect()
}

fn own_sets(places: &[PathBuf]) -> Result<PathBuf, EnvironmentFailure> {
    places.iter().find(|place| place.is_dir()).cloned().ok_or_else(|| {
        let places: Vec<_> = places.iter().map(|place| format!("no folder {}\n", place.display())).collect();
        EnvironmentFailure::new(
            format!("this repository's golden sets are not here:\n{}", places.concat()),
            "run this inside a checkout of the repository, or say where with `--golden DIR` or DINOV3_GOLDEN",
        )
    })
}

#[cfg(test)]
mod tests {
    use dinov3_ground::hint::text;

    use super::*;

    #[test]
    fn the_sets_come_with_the_program_or_are_missed() {
        assert!(own_sets(&own_places()).is_ok());
        insta::assert_snapshot!(text(&own_sets(&["nowhere".into(), "/no/where".into()]).unwrap_err()), @"
        this repository's golden sets are not here:
          no folder nowhere
          no folder /no/where
        hint: run this inside a checkout of the repository, or say where with `--golden DIR` or DINOV3_GOLDEN
        ");
    }

    #[test]
    fn the_name_of_a_set_is_no_folder() {
        for name in ["micro", "mcro"] {
            let error = golden_roots(vec![name.into()]).unwrap_err();
            assert!(text(error.as_hint()).contains("golden/sets/micro`?"), "{}", text(error.as_hint()));
        }
    }

    #[test]
    fn folders_given_come_before_all_others() {
        assert_eq!(golden_roots(vec!["here".into()]).unwrap(), [PathBuf::from("here")]);
    }
}
