//! The benchmark of the training step against the reference: `cargo ci bench step -- --reference PATH`.
//!
//! Both sides train the recipe of a committed golden set on the same batches with the same number of threads, in fp32 and on
//! all that the processor has (no pins). They take turns, each round in a process of its own, and only their steps are on
//! the clock. A round whose first losses differ ends the benchmark: the figures would be of two different programs.

mod cli;
mod driver;
mod failure;
mod measured;
mod ours;
mod recipe;
mod summary;
mod work;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use cli::{Arguments, Side, from_caller};
use driver::Driver;
use failure::{ENVIRONMENT, Failure, USAGE};

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let recipes = arguments.recipes();
    if arguments.side == Some(Side::Ours) {
        let [recipe] = recipes[..] else {
            return Err(Failure::new(USAGE, "--side measures one recipe", "name it with --recipe"));
        };
        let measured = ours::measure(recipe, arguments.threads)?;
        println!("{}", serde_json::to_string(&measured).map_err(unwritten)?);
        return Ok(());
    }
    if arguments.reference.is_none() {
        eprintln!("no --reference PATH is given: our side is measured alone");
    }
    if let Some(load) = load().filter(|load| *load > 0.3) {
        eprintln!("warning: {load} processes on average are running here already; their work will be in the figures");
    }
    let driver = Driver::new(arguments)?;
    let all =
        recipes.into_iter().map(|recipe| driver.measure(recipe, arguments.rounds)).collect::<Result<Vec<_>, _>>()?;
    print!("{}", summary::text(&all));
    arguments.json.as_deref().map_or(Ok(()), |path| write(&from_caller(path), &summary::json(&all)))
}

/// Running processes, averaged over the last minute.
fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// Under another name until it is whole.
fn write(path: &Path, figures: &serde_json::Value) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // Those of any new file, not the owner's alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(unwritten)?;
    serde_json::to_writer_pretty(&mut file, figures).map_err(unwritten)?;
    writeln!(file).and_then(|()| file.as_file().sync_all()).map_err(unwritten)?;
    file.persist(path).map(drop).map_err(unwritten)
}

fn unwritten(error: impl std::fmt::Display) -> Failure {
    Failure::new(ENVIRONMENT, format!("the figures cannot be written: {error}"), "look at --json, and at the disk")
}
