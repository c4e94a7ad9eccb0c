//! `data prepare | inspect`.

mod facts;
mod inspect;
mod prepare;

use anyhow::{Context, Error, Result};
use owo_colors::OwoColorize;

use crate::cli::DataCommand;

/// Runs one of the two.
pub fn data(command: DataCommand) -> Result<i32> {
    match command {
        DataCommand::Prepare(args) => prepare::prepare(args),
        DataCommand::Inspect(args) => inspect::inspect(args),
    }
}

/// What is wrong, and what to do.
fn with_hint(error: impl std::fmt::Display, hint: impl std::fmt::Display) -> Error {
    Error::msg(format!("{error}\nhint: {hint}"))
}

/// Says something that is no data.
fn remark(text: &str) -> Result<()> {
    std::io::Write::write_all(&mut anstream::stderr(), text.as_bytes())
        .context("standard error cannot be written\nhint: see where it is redirected to")
}

fn warning(text: &str) -> Result<()> {
    remark(&format!("{} {text}\n", "warning:".yellow().bold()))
}

fn note(text: &str) -> Result<()> {
    remark(&format!("{} {text}\n", "note:".cyan()))
}
