//! `golden list | verify | show | diff | weights | msprobe`.

mod diff;
mod msprobe;
mod pairs;
mod show;
mod spread;

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use dinov3_golden::manifest::Profile;
use dinov3_golden::{GoldenSet, Verified, verify};
use dinov3_ground::Words;
use dinov3_ground::hint::text;
use dinov3_ground::similar::most_like;
use dinov3_reports::{TextColumn, TextTable, exit};
use dinov3_suites::judging::recipe;
use dinov3_suites::sets;

use crate::cli::{GoldenCommand, ManySets, WeightsArgs};
use crate::failure::{Result, refusal, show_all};

/// Runs one of the commands.
pub fn golden(command: GoldenCommand) -> Result<i32> {
    match command {
        GoldenCommand::List(sets) => list(sets),
        GoldenCommand::Verify(sets) => verify_all(sets),
        GoldenCommand::Show(args) => show::show(args),
        GoldenCommand::Diff(args) => diff::diff(args),
        GoldenCommand::Spread(args) => spread::spread(args),
        GoldenCommand::Weights(args) => weights(args),
        GoldenCommand::Msprobe(args) => msprobe::judge(args),
    }
}

/// Writes what one set starts from.
fn weights(args: WeightsArgs) -> Result<i32> {
    let set = find(&args.set, args.golden.golden)?;
    sets::sound("golden set", &set)?;
    let count = dinov3_suites::weights::write(&set, &args.out)?;
    super::print(&format!("{count} tensors of `{}` are in {}\n", set.manifest().name, args.out.display()))?;
    Ok(exit::PASS)
}

/// The set of this name or folder. Other sets may be damaged as they will.
fn find(name: &str, given: Vec<PathBuf>) -> Result<GoldenSet> {
    let folder = Path::new(name);
    if folder.join("manifest.json").is_file() {
        return Ok(GoldenSet::open(folder)?);
    }
    let mut names = Vec::new();
    for folder in folders(&super::golden_roots(given)?)? {
        match GoldenSet::open(&folder) {
            Ok(set) if set.manifest().name == name => return Ok(set),
            Ok(set) => names.push(set.manifest().name.clone()),
            Err(error) if is_called(&folder, name) => return Err(error.into()),
            Err(_) => {}
        }
    }
    let known = names.iter().map(String::as_str);
    let hint = match most_like(name, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("the sets here are {}; `--golden DIR` names another place", names.join(", ")),
    };
    Err(refusal(format!("there is no golden set `{name}`"), hint))
}

/// The folders of all sets at or below the roots, each once. There is at least one.
fn folders(roots: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let folders = sets::folders(roots)?;
    if folders.is_empty() {
        let places: Vec<_> = roots.iter().map(|root| root.display().to_string()).collect();
        return Err(refusal(
            format!("there is no golden set in {}", places.join(", ")),
            "a golden set is a folder that holds a `manifest.json`",
        ));
    }
    Ok(folders)
}

fn roots(sets: ManySets) -> Result<Vec<PathBuf>> {
    super::golden_roots([sets.folders, sets.golden.golden].concat())
}

fn list(sets: ManySets) -> Result<i32> {
    let mut table = TextTable::new([
        TextColumn::left("set"),
        TextColumn::left("profile"),
        TextColumn::left("precisions"),
        TextColumn::right("entries"),
        TextColumn::right("size"),
        TextColumn::left("what it is"),
    ]);
    let mut unreadable = Vec::new();
    for folder in folders(&roots(sets)?)? {
        match row(&folder) {
            Ok(row) => table.push(row),
            Err(error) => {
                let what = format!("the set `{}` cannot be read", folder.display());
                unreadable.push(Words::new(what).because(error).into());
            }
        }
    }
    if !table.rows.is_empty() {
        super::print_table(&table)?;
    }
    // Errors come after the table, so that a damaged set does not hide the others.
    show_all(&unreadable);
    Ok(if unreadable.is_empty() { exit::PASS } else { exit::USAGE })
}

fn row(folder: &Path) -> Result<[String; 6]> {
    let set = GoldenSet::open(folder)?;
    let manifest = set.manifest();
    let precisions: Vec<_> = manifest.precisions.iter().map(|(precision, _)| precision.to_string()).collect();
    Ok([
        manifest.name.clone(),
        profile_name(manifest.profile).to_owned(),
        precisions.join(" "),
        manifest.entries.len().to_string(),
        megabytes(size(folder)?),
        manifest.description.clone(),
    ])
}

fn profile_name(profile: Profile) -> &'static str {
    match profile {
        Profile::Quick => "quick",
        Profile::Full => "full",
    }
}

/// The bytes of the files in the folder.
fn size(folder: &Path) -> io::Result<u64> {
    std::fs::read_dir(folder)?.map(|file| Ok(file?.metadata()?.len())).sum()
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Checks every byte of a set, then its recipe against its inputs; the problems are lines.
fn verified(folder: &Path) -> std::result::Result<Verified, String> {
    let found = verify(folder).map_err(|problems| problems.iter().map(|it| text(it)).collect::<Vec<_>>().join("\n"))?;
    let set = GoldenSet::open(folder).map_err(|error| text(&error))?;
    recipe::check(&set).map_err(|error| text(&error))?;
    Ok(found)
}

fn verify_all(sets: ManySets) -> Result<i32> {
    let (mut sound, mut damaged) = (0, 0);
    for folder in folders(&roots(sets)?)? {
        let place = folder.display();
        // Sets are checked one at a time: large ones take seconds each.
        super::print(&match verified(&folder) {
            Ok(found) => {
                sound += 1;
                let size = megabytes(found.bytes);
                format!("sound    {place}: {} files, {size}, {} records\n", found.files, found.records)
            }
            Err(problems) => {
                damaged += 1;
                let problems: Vec<_> = problems.lines().map(|line| format!("         {line}\n")).collect();
                format!("DAMAGED  {place}\n{}", problems.concat())
            }
        })?;
    }
    match (sound, damaged) {
        (0 | 1, 0) => {}
        (sound, 0) => super::print(&format!("{sound} sets, all sound\n"))?,
        (sound, damaged) => super::print(&format!("{damaged} of {} sets damaged\n", sound + damaged))?,
    }
    Ok(if damaged == 0 { exit::PASS } else { exit::CHECK_FAILED })
}

/// Whether the folder of a set has that name, which is all that is known of a set that cannot be read.
fn is_called(folder: &Path, name: &str) -> bool {
    folder.file_name() == Some(OsStr::new(name))
}
