//! `golden show`.

use std::path::Path;

use dinov3_golden::manifest::{Manifest, Record, Training};
use dinov3_golden::{Entry, GoldenSet, Precision};
use dinov3_reports::exit;
use dinov3_suites::sets;

use super::pairs::Pair;
use crate::cli::OneSet;
use crate::commands::print;
use crate::failure::{Result, refusal};

/// Shows one set's recipe, or those of its tensors that were asked for.
pub fn show(args: OneSet) -> Result<i32> {
    let set = super::find(&args.set, args.golden.golden)?;
    match &args.part {
        None => print(&recipe(set.manifest()))?,
        Some(part) => match &args.candidate {
            None => print(&entries(set.manifest(), part)?)?,
            Some(folder) => print(&beside(&set, &candidate(&set, folder)?, part)?)?,
        },
    }
    Ok(exit::PASS)
}

fn recipe(manifest: &Manifest) -> String {
    let recipe = &manifest.recipe;
    let mut text = format!("{}: {}\n", manifest.name, manifest.description);
    let mut line = |key: &str, value: &str| text += &format!("  {key:<12} {value}\n");
    line("reference", &format!("{} at {}", manifest.reference.repository, manifest.reference.commit));
    line("config", recipe.config_file.as_deref().unwrap_or("the reference's defaults"));
    for (i, pair) in recipe.overrides.iter().enumerate() {
        line(if i == 0 { "overrides" } else { "" }, pair);
    }
    line("seed", &recipe.seed.to_string());
    line("batch", &format!("{} images a rank, world size {}", recipe.batch_size, recipe.world_size));
    line(
        "weights",
        &match recipe.warm {
            0.0 => "as initialised".to_owned(),
            warm => format!("as initialised, plus noise of standard deviation {warm}"),
        },
    );
    let photographs: Vec<_> = recipe.photographs.iter().map(|photograph| photograph.file.as_str()).collect();
    line("photographs", &photographs.join(" "));
    if let Some(training) = &recipe.training {
        line("steps", &steps(training));
    }
    let stages: Vec<_> = recipe.stages.iter().map(ToString::to_string).collect();
    line("stages", &stages.join(" "));
    for (precision, file) in manifest.precisions.iter() {
        let made = &file.fingerprint;
        line(
            precision.as_str(),
            &format!(
                "recorded with torch {} on {} ({}, {}, {} threads)",
                made.torch, made.device, made.architecture, made.cpu_capability, made.threads
            ),
        );
        let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
        let (vendor, mkl, onednn) =
            (or_none(&made.cpu_vendor), or_none(&made.mkl_cbwr), or_none(&made.onednn_max_cpu_isa));
        line("", &format!("processor's maker {vendor}, MKL_CBWR {mkl}, ONEDNN_MAX_CPU_ISA {onednn}"));
    }
    let entries = manifest.entries.len();
    line(
        "entries",
        &match manifest.sample_limit {
            Some(limit) => {
                format!("{entries}; of a tensor of more than {limit} elements, evenly spaced ones are stored")
            }
            None => format!("{entries}; every tensor is stored in full"),
        },
    );
    text
}

/// Which steps, with what, from where.
fn steps(training: &Training) -> String {
    let Training { iteration, steps, batches, .. } = training;
    let start = match training.state {
        true => format!("a recorded state, updates so far: {}", training.updates),
        false => "the seed".to_owned(),
    };
    format!("{steps} in a row, from iteration {iteration}; distinct batches: {batches}; start: {start}")
}

/// One line a record below the entry's own.
fn entries(manifest: &Manifest, part: &str) -> Result<String> {
    let asked = manifest.entries.iter().filter(|entry| entry.name.as_str().contains(part));
    let blocks: Vec<String> = asked.map(block).collect();
    if blocks.is_empty() {
        let hint = match manifest.entries.get(manifest.entries.len() / 2) {
            Some(entry) => format!("a name looks like `{}`; a shorter part of one finds more", entry.name),
            None => "the set has no entries at all".to_owned(),
        };
        return Err(refusal(format!("no entry of `{}` has `{part}` in its name", manifest.name), hint));
    }
    let figures = ["min", "max", "mean", "l2"].map(|head| format!("{head:>10}")).join("  ");
    Ok(format!("         dtype  stored  {figures}  sha256\n{}", blocks.concat()))
}

fn block(entry: &Entry) -> String {
    let shape = entry.records.iter().next().map(|(_, record)| format!(" {:?}", record.shape)).unwrap_or_default();
    let records = entry.records.iter().map(|(precision, record)| line(precision, record));
    format!("{} ({}){shape}\n{}", entry.name, entry.stage, records.collect::<String>())
}

/// The recording of `set` at or below `folder`.
fn candidate(set: &GoldenSet, folder: &Path) -> Result<GoldenSet> {
    Ok(sets::named(&[folder.to_owned()], &set.manifest().name)?)
}

/// The tensors of a set and of a candidate, line by line, and how far they are apart.
fn beside(set: &GoldenSet, candidate: &GoldenSet, part: &str) -> Result<String> {
    // It refuses a part that no name has.
    let alone = entries(set.manifest(), part)?;
    let mut text = alone.lines().next().map(|head| format!("{head}\n")).unwrap_or_default();
    for entry in set.manifest().entries.iter().filter(|entry| entry.name.as_str().contains(part)) {
        let theirs = candidate.manifest().entry(entry.name.as_str()).map(|(_, entry)| entry);
        let shape = entry.records.iter().next().map(|(_, record)| format!(" {:?}", record.shape)).unwrap_or_default();
        text += &format!("{} ({}){shape}\n", entry.name, entry.stage);
        for (precision, record) in entry.records.iter() {
            text += &line(precision, record);
            let Some(theirs) = theirs.filter(|_| precision != Precision::Truth) else { continue };
            match theirs.records.get(precision) {
                None => text += "  cand.  not observed\n",
                Some(their_record) => {
                    text += &line(precision, their_record).replacen(&format!("{precision:<5}"), "cand.", 1);
                    text += &format!("         {}\n", Pair::of((set, entry), (candidate, theirs), precision)?.words());
                }
            }
        }
    }
    Ok(text)
}

/// Fits 80 columns; the hash is cut short, to be compared by eye.
fn line(precision: Precision, record: &Record) -> String {
    let stats = &record.stats;
    let figure = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3e}"));
    let figures = [stats.min, stats.max, stats.mean, stats.l2].map(|value| format!("{:>10}", figure(value)));
    let stored = format!("{:?}", record.storage).to_lowercase();
    let non_finite = match stats.non_finite {
        0 => String::new(),
        count => format!("  {count} not finite"),
    };
    let hash: String = record.sha256.chars().take(8).collect();
    let figures = figures.join("  ");
    format!("  {precision:<5}  {:<5}  {stored:<6}  {figures}  {hash}{non_finite}\n", record.dtype)
}
