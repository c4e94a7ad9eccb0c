//! The benchmark of decoding and augmentation against the reference: `cargo ci bench augment -- --reference PATH`.
//!
//! Both sides turn the same 500x375 JPEG files into two crops of 224 pixels and eight of 96, drawn from the same seed. They
//! take turns. If their first crops are not the same bits, nothing is timed: the figures would be of two different programs.
//! The reference's side makes the files; without it ours reads the photographs that they are cut from.

mod cli;
mod driver;
mod ours;
mod summary;

use std::process::ExitCode;

use clap::Parser;
use dinov3_beside::{Failure, write_json};

use cli::Arguments;
use driver::Driver;

fn main() -> ExitCode {
    Failure::exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let driver = Driver::new(arguments)?;
    let mut rounds = Vec::new();
    for round in 1..=arguments.rounds {
        let done = driver.measure()?;
        let theirs = done.reference.map_or(String::new(), |rate| format!(", the reference {rate:.1}"));
        eprintln!(
            "round {round} of {}: {:.1} images/s, {:.1} on {} threads{theirs}",
            arguments.rounds, done.one, done.many, arguments.threads
        );
        rounds.push(done);
    }
    print!("{}", summary::text(arguments.threads, &rounds));
    write_json(arguments.beside.json.as_deref(), &summary::json(arguments.threads, &rounds))
}
