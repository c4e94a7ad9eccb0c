//! The benchmark of making ImageNet's tables against the reference: `cargo ci bench prepare -- --reference PATH`.
//!
//! Both sides make the tables of the same generated tree, in turn, and must write the same bytes. On the clock are, of the
//! reference, `dump_extra` alone, without Python's start and imports; of ours everything, until the tables are on the
//! disk (the reference leaves them to the kernel).

mod cli;
mod driver;
mod tree;

use std::process::ExitCode;

use clap::Parser;
use dinov3_beside::{Columns, Failure, Spread, or_dash, write_json};
use serde_json::{Value, json};

use cli::Arguments;
use driver::{Driver, Round};
use tree::Tree;

fn main() -> ExitCode {
    Failure::exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
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
    write_json(arguments.beside.json.as_deref(), &json(arguments, &rounds))
}

fn ours(rounds: &[Round]) -> Option<Spread> {
    Spread::of(rounds.iter().map(|round| round.ours))
}

fn reference(rounds: &[Round]) -> Option<Spread> {
    Spread::of(rounds.iter().filter_map(|round| round.reference))
}

/// Of the reference's time to ours, round by round.
fn ratio(rounds: &[Round]) -> Option<Spread> {
    Spread::of(rounds.iter().filter_map(|round| Some(round.reference? / round.ours)))
}

/// A table of one row, and what its figures mean.
fn text(arguments: &Arguments, rounds: &[Round]) -> String {
    let header = ["images", "classes", "seconds", "reference", "ratio", "tables"];
    let mut table = Columns::new(header);
    let show = |spread: Option<Spread>, decimals| or_dash(spread.map(|spread| spread.show(decimals)));
    table.add_row([
        arguments.images.to_string(),
        arguments.classes.to_string(),
        show(ours(rounds), 3),
        show(reference(rounds), 3),
        show(ratio(rounds), 1),
        or_dash(reference(rounds).map(|_| "same bytes".to_owned())),
    ]);
    table.align_right(0..header.len() - 1);
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

/// All figures, raw and summed up: times in seconds.
fn json(arguments: &Arguments, rounds: &[Round]) -> Value {
    json!({
        "images": arguments.images,
        "classes": arguments.classes,
        "cold": arguments.cold,
        "seconds": ours(rounds),
        "reference_seconds": reference(rounds),
        "ratio": ratio(rounds),
        "rounds": rounds,
    })
}
