//! `config`: the merged config, with warnings and notes.

use std::path::{Path, PathBuf};

use dinov3_config::merge::{self, Merged, Scaled};
use dinov3_config::{ConfigError, SslConfig, check_ranks, truth, yaml};
use dinov3_ground::{AnyError, Words};
use dinov3_reports::exit;
use owo_colors::OwoColorize;
use serde_json::Value;

use crate::cli::{ConfigArgs, ConfigFormat};
use crate::commands::print;
use crate::failure::{Result as CommandResult, no_json, refusal};

/// Prints the merged config. Warnings and notes go to standard error.
pub fn config(args: ConfigArgs) -> CommandResult<i32> {
    let (file, overrides) = split(args.file, args.overrides);
    if let Some(file) = file.as_deref().filter(|file| !file.exists()) {
        return Err(no_file(file));
    }
    let mut notes = Vec::new();
    let mut merged = match args.rank.zip(args.world_size) {
        None => merge::merged(file.as_deref(), &overrides)?,
        Some((rank, world_size)) => student(file.as_deref(), &overrides, rank, world_size, &mut notes)?,
    };
    if file.is_none() {
        notes.push(
            "no file is given: these are the defaults; the reference's `train.py` needs `--config-file`".to_owned(),
        );
    }
    if args.rank.is_none() && merged.config.pointer("/multidistillation/enabled").is_some_and(truth) {
        notes.push("this config lists several students; `--rank R --world-size N` shows that of one".to_owned());
    }
    if let Some(world_size) = args.world_size.filter(|_| args.scaled) {
        let scaled = merge::apply_scaling_rules(&mut merged.config, world_size)?;
        notes.push(scaling(scaled, &merged.config));
    }
    print(&match args.format {
        ConfigFormat::Yaml => yaml::to_yaml(&merged.config),
        ConfigFormat::Json => serde_json::to_string_pretty(&merged.config).map_err(no_json)? + "\n",
    })?;
    let usable = usable(&merged.config, args.world_size, &mut notes);
    if let Ok(config) = &usable {
        notes.extend(config.without_effect.iter().map(ToString::to_string));
        notes.extend(dinov3_config::notes(&merged.config, args.world_size));
    }
    remark(&merged, &notes)?;
    match usable {
        Ok(_) => Ok(exit::PASS),
        Err(error) => Err(Words::new("the config is merged as printed, and this trainer cannot honour it")
            .hint(hint(&error))
            .because(error)
            .into()),
    }
}

/// A file that is not there: an override that lacks its value, or one of the reference's own files, which are in its checkout.
fn no_file(file: &Path) -> AnyError {
    let (shown, is_yaml) = (file.display(), file.extension().is_some_and(|it| it == "yaml" || it == "yml"));
    let alone = file.components().count() == 1;
    let hint = match (alone, is_yaml) {
        (true, false) => format!("an override needs a value: `{shown}=VALUE`"),
        (true, true) => {
            format!("the reference's own files are in its checkout: `CHECKOUT/dinov3/configs/train/{shown}`")
        }
        (false, _) => "give the path of a YAML file, relative to the current folder".to_owned(),
    };
    refusal(format!("{shown} cannot be read: there is no such file"), hint)
}

/// The config as the trainer reads it, with all that it would refuse on so many ranks.
fn usable(config: &Value, world_size: Option<usize>, notes: &mut Vec<String>) -> Result<SslConfig, ConfigError> {
    let read = SslConfig::from_merged(config)?;
    if let Some(world_size) = world_size {
        check_ranks(config, world_size)?;
    }
    if !read.distillation_enabled {
        return Ok(read);
    }
    match merge::merged_teacher(config) {
        Ok(teacher) => read.with_teacher(&teacher.config),
        Err(error) => {
            notes.push(format!("the frozen teacher's config is not checked: {error}"));
            Ok(read)
        }
    }
}

fn hint(error: &ConfigError) -> &'static str {
    match error {
        ConfigError::Several(_) => "override the options that are named",
        _ => "override the option that is named",
    }
}

/// An argument with a `=` that is no file is an override, even in the place of the file.
fn split(file: Option<String>, mut overrides: Vec<String>) -> (Option<PathBuf>, Vec<String>) {
    match file {
        Some(word) if word.contains('=') && !Path::new(&word).is_file() => {
            overrides.insert(0, word);
            (None, overrides)
        }
        file => (file.map(PathBuf::from), overrides),
    }
}

fn student(
    file: Option<&Path>,
    overrides: &[String],
    rank: usize,
    world_size: usize,
    notes: &mut Vec<String>,
) -> CommandResult<Merged> {
    let Some(file) = file else {
        return Err(refusal("`--rank` needs a config that lists the students", "give its file before the overrides"));
    };
    if rank >= world_size {
        return Err(refusal(
            format!("there is no rank {rank} among {world_size}"),
            format!("ranks count from 0 to {}", world_size.max(1) - 1),
        ));
    }
    let student = merge::merged_student(file, overrides, rank, world_size, None)?;
    let ranks = format!("{} to {}", student.ranks.start, student.ranks.end - 1);
    notes.push(format!("rank {rank} trains the student `{}`, as do all ranks from {ranks}", student.name));
    Ok(student.merged)
}

fn scaling(scaled: Option<Scaled>, config: &Value) -> String {
    match scaled {
        Some(Scaled { from, to }) => format!("`optim.lr` is scaled from {from:?} to {to:?}"),
        None if config.get("schedules").is_some() => {
            "`optim.lr` is not scaled: the config has `schedules`, which are scaled where they are built".to_owned()
        }
        None => "`optim.lr` is not scaled: `optim.scaling_rule` names no rule".to_owned(),
    }
}

/// Prints warnings and then notes, a line each.
pub fn remark(merged: &Merged, notes: &[String]) -> CommandResult<()> {
    let mut text = String::new();
    for unknown in &merged.unknown {
        let meant = unknown.nearest.as_ref().map(|nearest| format!("; did you mean `{nearest}`?"));
        let meant = meant.unwrap_or_default();
        text += &format!("{} the reference knows no key `{}`{meant}\n", "warning:".yellow().bold(), unknown.key);
    }
    for key in &merged.missing {
        text += &format!("{} `{key}` is `???`: it must be given a value\n", "warning:".yellow().bold());
    }
    // Of some a note says already that they have no effect.
    let is_noted = |key: &&String| notes.iter().any(|note| note.contains(&format!("`{key}:")));
    let unread: Vec<_> = merged.unread.iter().filter(|key| !is_noted(key)).map(|key| format!("`{key}`")).collect();
    let unread =
        (!unread.is_empty()).then(|| format!("nothing in the reference at this commit reads {}", unread.join(", ")));
    for note in notes.iter().chain(&unread) {
        text += &format!("{} {note}\n", "note:".cyan());
    }
    let written = std::io::Write::write_all(&mut anstream::stderr(), text.as_bytes());
    written.map_err(|error| {
        Words::new("standard error cannot be written").hint("see where it is redirected to").because(error).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_may_be_left_out() {
        let check = |file: Option<&str>, overrides: &[&str], expected: (Option<&str>, &[&str])| {
            let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
            let (path, rest) = split(file.map(str::to_owned), owned(overrides));
            assert_eq!((path, rest), (expected.0.map(PathBuf::from), owned(expected.1)));
        };
        check(None, &[], (None, &[]));
        check(Some("c.yaml"), &["a=1"], (Some("c.yaml"), &["a=1"]));
        check(Some("a=1"), &["b=2"], (None, &["a=1", "b=2"]));
    }
}
