//! `completions`: what a shell completes, and the pages of the manual, both made from the command line's own description.

use std::path::Path;

use clap::CommandFactory;
use dinov3_ground::Words;
use dinov3_reports::exit;

use super::print;
use crate::cli::{Cli, CompletionsArgs};
use crate::failure::Result;

/// Prints the completions of a shell, or writes the manual.
pub fn completions(args: CompletionsArgs) -> Result<i32> {
    if let Some(shell) = args.shell {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "dinov3-harness", &mut text);
        print(&String::from_utf8_lossy(&text))?;
    }
    if let Some(folder) = args.man {
        let written = std::fs::create_dir_all(&folder).and_then(|()| clap_mangen::generate_to(Cli::command(), &folder));
        written.map_err(|error| unwritten(&folder, error))?;
    }
    Ok(exit::PASS)
}

fn unwritten(folder: &Path, error: std::io::Error) -> Words {
    let what = format!("the manual cannot be written to `{}`", folder.display());
    Words::new(what).hint("name a folder that can be written").because(error)
}
