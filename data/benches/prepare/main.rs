//! The benchmark of making ImageNet's tables against the reference: `cargo ci bench prepare -- --reference PATH`.
//!
//! Both sides make the tables of the same generated tree, in turn, and must write the same bytes. On the clock are, of the
//! reference, `dump_extra` alone, without Python's start and imports; of ours everything, until the tables are on the
//! disk (the reference leaves them to the kernel).

mod cli;
mod driver;
mod failure;
mod tree;

use std::process::ExitCode;

use clap::Parser;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use cli::Arguments;
use driver::{Driver, Round};
use failure::Failure;
use tree::Tree;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.reference.is_none() {
        eprintln!("no --reference PATH is given: our side is measured alone");
    }
    let driver = Driver::new(arguments)?;
    eprintln!("making a tree of {} images in {} classes", arguments.images, arguments.classes);
    let tree = Tree::new(arguments)?;
    let mut rounds = Vec::new();
    for round in 1..=arguments.rounds {
        let done = driver.measure(&tree)?;
        let theirs = done.reference.map_or(String::new(), |seconds| format!(", the reference {seconds:.3} s"));
        eprintln!("round {round} of {}: {:.3} s{theirs}", arguments.rounds, done.ours);
        rounds.push(done);
    }
    print!("{}", text(arguments, &rounds));
    Ok(())
}

/// A table of one row, and what its figures mean.
fn text(arguments: &Arguments, rounds: &[Round]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
    let header = ["images", "classes", "seconds", "reference", "ratio", "tables"];
    table.set_header(header);
    let reference = spread(rounds.iter().filter_map(|round| round.reference), 3);
    let ratio = spread(rounds.iter().filter_map(|round| Some(round.reference? / round.ours)), 1);
    let same = if reference == NONE { NONE } else { "same bytes" };
    table.add_row([
        arguments.images.to_string(),
        arguments.classes.to_string(),
        spread(rounds.iter().map(|round| round.ours), 3),
        reference,
        ratio,
        same.to_owned(),
    ]);
    for column in 0..header.len() - 1 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let caches = match arguments.cold {
        true => "The kernel's caches were emptied before each timing.",
        false => "Both sides found the folders in the kernel's caches.",
    };
    format!(
        "{table}\n\nMedians, and ranges over the rounds ({}); the ratio is taken round by round. {caches}\n\
         The reference's time is that of `dump_extra` alone, without imports; ours ends when the tables are on the disk.\n",
        rounds.len()
    )
}

const NONE: &str = "-";

/// The median with so many decimals, and the range; of an even number of figures the mean of the two in the middle.
fn spread(figures: impl Iterator<Item = f64>, decimals: usize) -> String {
    let mut sorted: Vec<f64> = figures.collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else { return NONE.to_owned() };
    let median = (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0;
    format!("{median:.decimals$} ({min:.decimals$}..{max:.decimals$})")
}
