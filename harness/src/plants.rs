//! `--plant`: its values, and the errors of wrong ones.

use std::ffi::OsStr;

use clap::builder::{StringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use dinov3_ground::similar::most_like;
use dinov3_suites::Suite;
use dinov3_suites::defects::{DEFECTS, NotPlanted, Plant};

use crate::failure::{Result, refusal};

/// The value that asks for the table of all defects, even if other arguments are missing.
const HELP: &str = "help";

/// Parses the value of `--plant`. `help` ends the parsing, as `--help` does.
#[derive(Clone, Debug)]
pub struct PlantValue;

impl TypedValueParser for PlantValue {
    type Value = String;

    fn parse_ref(&self, cmd: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        let text = StringValueParser::new().parse_ref(cmd, arg, value)?;
        if text != HELP {
            return Ok(text);
        }
        let mut asked = clap::Error::new(ErrorKind::DisplayHelp).with_cmd(cmd);
        asked.insert(ContextKind::Custom, ContextValue::String(text));
        Err(asked)
    }
}

/// Whether parsing ended with `--plant help`.
pub fn is_asked_for(error: &clap::Error) -> bool {
    matches!(error.get(ContextKind::Custom), Some(ContextValue::String(text)) if text == HELP)
}

/// The defect to plant.
///
/// # Errors
/// If there is no such defect, or no such block.
pub fn plant(text: &str) -> Result<Plant> {
    text.parse().map_err(|error: NotPlanted| {
        let hint = match &error {
            NotPlanted::InNoBlock { known, .. } => format!("give it without a block: {known}"),
            NotPlanted::NoBlock { known, .. } => format!("give its index, such as {known}@1"),
            NotPlanted::Unknown { name } => match most_like(name, DEFECTS.iter().map(|defect| defect.name)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => {
                    let names: Vec<_> = DEFECTS.iter().map(|defect| defect.name).collect();
                    format!("use one of {}", names.join(", "))
                }
            },
        };
        refusal(error.to_string(), hint)
    })
}

/// The suites in which `plant` can show: every suite that `names` names, and the suites of a group in which it can.
///
/// # Errors
/// If it cannot show in a suite that is named, or in any suite of a group.
pub fn shows_in(plant: &Plant, suites: Vec<&'static dyn Suite>, names: &[String]) -> Result<Vec<&'static dyn Suite>> {
    let mut kept = Vec::new();
    let mut refused = None;
    for suite in suites {
        let info = suite.info();
        match plant.shows_in(info.name) {
            Ok(()) => kept.push(suite),
            Err(error) if names.iter().any(|name| name == info.name) => return Err(error.into()),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match refused {
        Some(error) if kept.is_empty() => Err(error.into()),
        _ => Ok(kept),
    }
}
