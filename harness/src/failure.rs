//! Errors of the commands: what each means for the exit code.

use clap::CommandFactory;
use dinov3_ground::hint::show;
use dinov3_ground::similar::most_like;
use dinov3_ground::{AnyError, Hint, Hints, Words};
use dinov3_ranks::{Failure, GroupError};
use dinov3_reports::exit;
use dinov3_suites::SuiteError;
use dinov3_suites::reduce_op::RanksError;
use thiserror::Error as ThisError;

use crate::cli::Cli;
use crate::commands;

/// What a command gives, or an error that knows what to do about it.
pub type Result<T, E = AnyError> = std::result::Result<T, E>;

/// The environment lacks something: exit code 3, not 2.
#[derive(Debug, ThisError)]
#[error(transparent)]
pub struct EnvironmentFailure(pub Words);

impl EnvironmentFailure {
    /// What is wrong, and what to do about it.
    pub fn new(what: impl Into<String>, hint: impl Into<Hints>) -> Self {
        Self(Words::new(what).hint(hint))
    }
}

impl Hint for EnvironmentFailure {
    fn hints(&self) -> Hints {
        self.0.hints()
    }
}

/// What to do about an error that no user can cause.
pub const OUR_FAULT: &str = "this is a fault of the program, please report it";

/// What cannot be done as it was asked for, and what to do about it.
pub fn refusal(what: impl Into<String>, hint: impl Into<Hints>) -> AnyError {
    Words::new(what).hint(hint).into()
}

/// Data of this program that cannot be written as JSON.
pub fn no_json(error: serde_json::Error) -> AnyError {
    refusal(format!("the result cannot be written as JSON: {error}"), OUR_FAULT)
}

/// Which exit code the error means.
pub fn exit_code(error: &AnyError) -> i32 {
    if let Some(error) = error.downcast_ref() {
        return commands::train::exit_code(error);
    }
    let of_a_suite = error.downcast_ref().and_then(|it| if let SuiteError::Group(it) = it { Some(it) } else { None });
    let of_a_group = error.downcast_ref().or(of_a_suite).map(|it: &GroupError| &it.failure);
    match of_a_group {
        Some(failure) if failure.is_of_others() => exit::PEER,
        // A backend that refuses, of which the arguments knew nothing.
        Some(Failure::Backend { .. }) => exit::ENVIRONMENT,
        _ if lacks_devices(error) => exit::ENVIRONMENT,
        _ if error.is::<EnvironmentFailure>() => exit::ENVIRONMENT,
        _ => exit::USAGE,
    }
}

/// Whether a device failed, or there is none for ranks that a suite would start.
fn lacks_devices(error: &AnyError) -> bool {
    let devices = |it: &RanksError| matches!(it, RanksError::Plugin(_) | RanksError::NoDevice { .. });
    match error.downcast_ref() {
        Some(SuiteError::Ranks(it)) => devices(it),
        Some(SuiteError::Device { .. }) => true,
        _ => false,
    }
}

/// What clap says of wrong arguments, in the form of all other errors.
pub fn usage(error: &clap::Error) -> AnyError {
    let (mut what, mut hints) = (Vec::new(), Hints::none());
    for line in error.render().to_string().lines() {
        match line.trim_start().strip_prefix("tip: ") {
            Some(tip) => hints = hints.and(tip.to_owned()),
            None if line.starts_with("For more information, try '--help'.") => {
                hints = hints.and("`--help` says what can be given");
            }
            None => what.push(line.strip_prefix("error: ").unwrap_or(line).to_owned()),
        }
    }
    let hints = match meant(error) {
        Some(meant) => Hints::from(meant),
        None => hints,
    };
    refusal(what.join("\n"), hints)
}

/// What was meant by a word that is no command, or too much of one: the name of a suite, or a command that is spelt alike.
fn meant(error: &clap::Error) -> Option<String> {
    use clap::error::{ContextKind, ContextValue};
    let word = [ContextKind::InvalidSubcommand, ContextKind::InvalidArg].into_iter().find_map(|kind| {
        match error.get(kind) {
            Some(ContextValue::String(word)) => Some(word.as_str()),
            _ => None,
        }
    })?;
    if !dinov3_suites::select(word).is_empty() {
        return Some(format!("`run --suite {word}` runs it"));
    }
    let of_commands = error.get(ContextKind::InvalidSubcommand).is_some();
    let tipped = error.get(ContextKind::SuggestedSubcommand).is_some();
    let command = Cli::command();
    let commands = command.get_subcommands().filter(|it| !it.is_hide_set()).map(|it| it.get_name());
    let commands: Vec<&str> = commands.collect();
    let commands = commands.iter().copied();
    // Letters in another order are nearer than the measure of likeness says.
    let sorted = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    let meant = most_like(word, commands.clone()).or_else(|| commands.clone().find(|it| sorted(it) == sorted(word)));
    let meant = meant.filter(|_| of_commands && !tipped);
    meant.map(|meant| format!("did you mean `{meant}`?"))
}

/// Shows the errors, each by itself.
pub fn show_all(errors: &[AnyError]) {
    errors.iter().for_each(|error| show(error.as_hint()));
}
