//! A program, in the environment and within the limit of a machine.

use std::path::Path;
use std::process::Command;

use dinov3_ground::program;

use crate::Machine;

pub use dinov3_ground::program::Ran;

/// Runs a program in the machine's environment, in English, for as long as the machine's limit.
pub fn run(machine: &Machine, program: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(&machine.variables).env("LC_ALL", "C");
    program::run(command, machine.limit)
}

/// The first line that says something, of the texts in order.
pub fn first_line<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let line = texts.into_iter().flat_map(str::lines).map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or("nothing").to_owned()
}
