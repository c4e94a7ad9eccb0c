//! `data prepare`.

use std::path::Path;

use dinov3_data::imagenet::Split;
use dinov3_data::tables::{self, Done, Options, PrepareError, Prepared, Remarks, Steps};
use dinov3_reports::exit;
use indicatif::{ProgressBar, ProgressStyle};

use super::{note, warning};
use crate::cli::PrepareArgs;
use crate::commands::print;
use crate::failure::{Result, refusal, show_all};

/// Folders of classes looked through, of all.
const BAR: &str = "{msg:>5} [{elapsed:>10}] {bar:24.green/dim} {pos}/{len} classes";

/// Makes the tables of one split after the other. A split whose tables cannot be made does not keep the others from
/// being written.
pub fn prepare(args: PrepareArgs) -> Result<i32> {
    let (mut failed, mut useless) = (Vec::new(), false);
    for split in splits(&args)? {
        let bar = bar(split);
        // Threads tell it in any order; the bar only ever counts on.
        let progress = |Steps { done, total }| {
            bar.set_length(total as u64);
            bar.inc(u64::from(done > 0));
        };
        let options = Options { root: &args.root, extra: &args.extra, force: args.force, progress: &progress };
        let done = tables::prepare(split, &options);
        bar.finish_and_clear();
        let done = match done {
            Ok(done) => done,
            Err(error) => {
                // What is wrong with the labels is wrong for each split.
                if failed.iter().all(|known: &PrepareError| known.to_string() != error.to_string()) {
                    failed.push(error);
                }
                continue;
            }
        };
        print(&line(split, &done))?;
        let folder = args.root.join(split.folder());
        if split == Split::Test && !folder.is_dir() {
            // The reference numbers them without a look, too.
            warning(&format!(
                "TEST has the official names, and there is no folder {} with its images",
                folder.display()
            ))?;
        }
        if let Done::Written(prepared) = &done {
            remarks(split, prepared)?;
            useless |= prepared.images > 0 && prepared.remarks.lost == prepared.images;
        }
    }
    let sound = failed.is_empty();
    show_all(&failed.into_iter().map(Into::into).collect::<Vec<_>>());
    Ok(match (sound, useless) {
        (false, _) => exit::USAGE,
        (true, true) => exit::CHECK_FAILED,
        (true, false) => exit::PASS,
    })
}

/// Those asked for, each once, or those that have a folder; at least one.
fn splits(args: &PrepareArgs) -> Result<Vec<Split>> {
    let asked: Vec<Split> = args.split.iter().map(|name| name.parse::<Split>()).collect::<Result<_, _>>()?;
    let wanted = |split: &Split| match asked.is_empty() {
        true => args.root.join(split.folder()).is_dir(),
        false => asked.contains(split),
    };
    let splits: Vec<Split> = Split::ALL.into_iter().filter(wanted).collect();
    if splits.is_empty() {
        let folders = Split::ALL.map(Split::folder).join(", ");
        return Err(refusal(
            format!("none of {folders} is a folder in {}", args.root.display()),
            "`--root` is the folder that holds them and labels.txt",
        ));
    }
    Ok(splits)
}

fn bar(split: Split) -> ProgressBar {
    let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style.progress_chars("━╸─")).with_message(split.name())
}

fn line(split: Split, done: &Done) -> String {
    let (what, Prepared { images, classes, .. }) = match done {
        Done::Written(prepared) => ("written", prepared),
        Done::Kept(prepared) => ("kept", prepared),
    };
    let images = if *images == 1 { "1 image".to_owned() } else { format!("{images} images") };
    let classes = match classes {
        0 => String::new(),
        1 => " in 1 class".to_owned(),
        classes => format!(" in {classes} classes"),
    };
    let why = if what == "kept" { "; nothing has changed since they were made" } else { "" };
    format!("{what:<8} {split:<5} {images}{classes}{why}\n")
}

/// What a person should know of new tables.
fn remarks(split: Split, prepared: &Prepared) -> Result<()> {
    let Remarks { lost, lost_example, cut } = &prepared.remarks;
    if let Some(example) = lost_example {
        warning(&format!(
            "{lost} of the {split} images will not be found when they are read: {}",
            why_lost(split, example)
        ))?;
    }
    if *cut > 0 {
        let classes = if *cut == 1 { "1 class is".to_owned() } else { format!("{cut} classes are") };
        warning(&format!(
            "id or name of {classes} cut short, as in the reference: labels.txt is in another order than the folders"
        ))?;
    }
    if prepared.images != split.official_len() {
        note(&format!("{split} officially has {} images", split.official_len()))?;
    }
    Ok(())
}

fn why_lost(split: Split, example: &Path) -> String {
    let usual = match split {
        Split::Train => "train/n01440764/n01440764_10026.JPEG",
        Split::Val | Split::Test => "val/n01440764/ILSVRC2012_val_00000293.JPEG",
    };
    format!("{} is not named like {usual}", example.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_template_is_valid() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }
}
