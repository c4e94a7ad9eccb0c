//! `golden list | verify | show`.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use dinov3_golden::manifest::{Profile, Record};
use dinov3_golden::{Entry, GoldenSet, Precision, find_sets, verify};
use dinov3_reports::{Column, Table, exit, print, terminal};
use dinov3_suites::{SuiteError, sets};

use crate::cli::{GoldenCommand, GoldenPlace, ShowArgs};

/// Runs one of the three.
pub fn golden(command: GoldenCommand) -> Result<i32> {
    match command {
        GoldenCommand::List(place) => list(&place),
        GoldenCommand::Verify(place) => verify_all(&place),
        GoldenCommand::Show(args) => show(&args),
    }
}

fn out(table: &Table) -> io::Result<()> {
    print(&mut anstream::stdout(), &terminal::table(table, super::width()))
}

fn folders(roots: &[PathBuf]) -> Result<Vec<PathBuf>, SuiteError> {
    let mut folders = Vec::new();
    for root in roots {
        folders.extend(find_sets(root)?);
    }
    if folders.is_empty() {
        return Err(SuiteError::NoSet { wanted: "at all".to_owned(), roots: roots.to_vec() });
    }
    Ok(folders)
}

fn list(place: &GoldenPlace) -> Result<i32> {
    let mut table = Table::new([
        Column::left("set"),
        Column::left("profile"),
        Column::left("precisions"),
        Column::right("entries"),
        Column::right("size"),
        Column::left("what it is"),
    ]);
    for folder in folders(&super::golden_roots(&place.golden))? {
        let set = GoldenSet::open(&folder).map_err(SuiteError::from)?;
        let manifest = set.manifest();
        let precisions: Vec<_> = manifest.precisions.iter().map(|(precision, _)| precision.to_string()).collect();
        table.push([
            manifest.name.clone(),
            profile_name(manifest.profile).to_owned(),
            precisions.join(" "),
            manifest.entries.len().to_string(),
            megabytes(&folder)?,
            manifest.description.clone(),
        ]);
    }
    out(&table)?;
    Ok(exit::PASS)
}

fn profile_name(profile: Profile) -> &'static str {
    match profile {
        Profile::Quick => "quick",
        Profile::Full => "full",
    }
}

fn megabytes(folder: &Path) -> io::Result<String> {
    let mut bytes = 0;
    for file in std::fs::read_dir(folder)? {
        bytes += file?.metadata()?.len();
    }
    Ok(format!("{:.1} MB", bytes as f64 / 1e6))
}

fn verify_all(place: &GoldenPlace) -> Result<i32> {
    let mut damaged = 0;
    for folder in folders(&super::golden_roots(&place.golden))? {
        let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy();
        let line = match verify(&folder) {
            Ok(verified) => {
                let megabytes = verified.bytes as f64 / 1e6;
                format!("sound    {name}: {} files, {megabytes:.1} MB, {} records\n", verified.files, verified.records)
            }
            Err(problems) => {
                damaged += 1;
                format!("DAMAGED  {name}:\n{}\n", indented(&problems.to_string()))
            }
        };
        print(&mut anstream::stdout(), &line)?;
    }
    Ok(if damaged == 0 { exit::PASS } else { exit::CHECK_FAILED })
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn show(args: &ShowArgs) -> Result<i32> {
    let folder = Path::new(&args.set);
    let set = if folder.join("manifest.json").is_file() {
        GoldenSet::open(folder).map_err(SuiteError::from)?
    } else {
        sets::named(&super::golden_roots(&args.golden), &args.set)?
    };
    match &args.name {
        None => show_recipe(&set)?,
        Some(part) => show_entries(&set, part)?,
    }
    Ok(exit::PASS)
}

fn show_recipe(set: &GoldenSet) -> Result<()> {
    let manifest = set.manifest();
    let recipe = &manifest.recipe;
    let mut text = format!("{}: {}\n", manifest.name, manifest.description);
    let mut line = |key: &str, value: String| text += &format!("  {key:<14} {value}\n");
    line("reference", format!("{} at {}", manifest.reference.repository, manifest.reference.commit));
    line("config", recipe.config_file.clone().unwrap_or_else(|| "the defaults".to_owned()));
    line("overrides", recipe.overrides.join(" "));
    line("seed", format!("{}, batch {}, warm {}", recipe.seed, recipe.batch_size, recipe.warm));
    let photographs: Vec<_> = recipe.photographs.iter().map(|photograph| photograph.file.clone()).collect();
    line("photographs", photographs.join(" "));
    for (precision, file) in manifest.precisions.iter() {
        let print = &file.fingerprint;
        let threads = print.threads;
        line(
            precision.as_str(),
            format!("torch {} on {} {}, {threads} threads", print.torch, print.device, print.cpu_capability),
        );
    }
    line("entries", manifest.entries.len().to_string());
    text += "Name a part of an entry's name to see its values.\n";
    print(&mut anstream::stdout(), &text)?;
    Ok(())
}

fn show_entries(set: &GoldenSet, part: &str) -> Result<()> {
    let mut table = Table::new([
        Column::left("entry"),
        Column::left("precision"),
        Column::left("dtype"),
        Column::left("shape"),
        Column::right("min"),
        Column::right("max"),
        Column::right("mean"),
        Column::right("l2"),
        Column::left("sha256"),
    ]);
    for entry in set.manifest().entries.iter().filter(|entry| entry.name.contains(part)) {
        for (precision, record) in entry.records.iter() {
            table.push(row(entry, precision, record));
        }
    }
    if table.rows.is_empty() {
        anyhow::bail!("no entry of `{}` has `{part}` in its name", set.manifest().name);
    }
    out(&table)?;
    Ok(())
}

fn row(entry: &Entry, precision: Precision, record: &Record) -> Vec<String> {
    let figure = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4e}"));
    let stats = &record.stats;
    vec![
        entry.name.clone(),
        precision.to_string(),
        record.dtype.to_string(),
        format!("{:?}", record.shape),
        figure(stats.min),
        figure(stats.max),
        figure(stats.mean),
        figure(stats.l2),
        record.sha256.chars().take(12).collect(),
    ]
}
