//! `data prepare | inspect`.

mod facts;
mod inspect;
mod prepare;

use dinov3_ground::Words;
use owo_colors::OwoColorize;

use crate::cli::DataCommand;
use crate::failure::Result;

/// Runs one of the two commands.
pub fn data(command: DataCommand) -> Result<i32> {
    match command {
        DataCommand::Prepare(args) => prepare::prepare(args),
        DataCommand::Inspect(args) => inspect::inspect(args),
    }
}

/// Prints a remark, which is no data.
fn remark(text: &str) -> Result<()> {
    let written = std::io::Write::write_all(&mut anstream::stderr(), text.as_bytes());
    written.map_err(|error| {
        Words::new("standard error cannot be written").hint("see where it is redirected to").because(error).into()
    })
}

fn warning(text: &str) -> Result<()> {
    remark(&format!("{} {text}\n", "warning:".yellow().bold()))
}

fn note(text: &str) -> Result<()> {
    remark(&format!("{} {text}\n", "note:".cyan()))
}
