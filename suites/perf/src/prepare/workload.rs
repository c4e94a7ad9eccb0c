//! One side after the other. Two sides that write different tables are not compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use dinov3_data::imagenet::Split;
use dinov3_data::tables::{Options, class_ids_file, class_names_file, entries_file, prepare};
use serde::{Deserialize, Serialize};

use super::Arguments;
use super::tree::Tree;
use crate::failure::{ENVIRONMENT, FAILED, Failure};
use crate::process::figures;
use crate::reference::Reference;
use crate::rounds::Workload;

/// What is prepared.
const SPLIT: Split = Split::Train;

/// Seconds of both sides, taken one right after the other.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Round {
    /// Ours.
    pub ours: f64,
    /// The reference's, if it was measured.
    pub reference: Option<f64>,
}

/// A line of the reference's side.
#[derive(Deserialize)]
struct Measured {
    seconds: f64,
}

/// The same tree for both sides.
pub struct Prepare {
    reference: Option<Reference>,
    tree: Tree,
    cold: bool,
}

impl Prepare {
    /// Looks whether the reference can be run, before anything is timed, and makes the tree.
    ///
    /// # Errors
    /// The reference cannot be run, or the tree cannot be made.
    pub fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let reference = Reference::find(&arguments.common, "prepare.py")?;
        eprintln!("making a tree of {} images in {} classes", arguments.images, arguments.classes);
        Ok(Self { reference, tree: Tree::new(arguments)?, cold: arguments.cold })
    }

    fn ours(&self) -> Result<f64, Failure> {
        let extra = self.before("ours")?;
        let start = Instant::now();
        let options = Options { root: self.tree.root(), extra: &extra, force: true, progress: &|_| {} };
        prepare(SPLIT, &options).map_err(|error| Failure::of(FAILED, error))?;
        Ok(start.elapsed().as_secs_f64())
    }

    fn theirs(&self) -> Result<Option<f64>, Failure> {
        let Some(reference) = &self.reference else { return Ok(None) };
        let extra = self.before("reference")?;
        let mut command = reference.command();
        command.arg("--root").arg(self.tree.root()).arg("--extra").arg(extra);
        command.args(["--split", SPLIT.name()]).args(self.cold.then_some("--cold"));
        figures(&mut command).map(|measured: Measured| Some(measured.seconds))
    }

    /// An empty place for the tables, and empty caches if asked for.
    fn before(&self, side: &str) -> Result<PathBuf, Failure> {
        let extra = self.tree.extra(side);
        if extra.exists() {
            fs::remove_dir_all(&extra).map_err(|error| {
                let message = format!("{} cannot be removed: {error}", extra.display());
                Failure::new(ENVIRONMENT, message, "look at the folder's permissions")
            })?;
        }
        if self.cold {
            let synced = Command::new("sync").status().and_then(|_| fs::write("/proc/sys/vm/drop_caches", "3"));
            synced.map_err(|error| {
                let message = format!("the kernel's caches cannot be emptied: {error}");
                Failure::new(ENVIRONMENT, message, "leave out --cold, or run as root on Linux")
            })?;
        }
        Ok(extra)
    }
}

impl Workload for Prepare {
    type Round = Round;

    fn round(&self) -> Result<Round, Failure> {
        let ours = self.ours()?;
        let reference = self.theirs()?;
        if reference.is_some() {
            compare(&self.tree.extra("ours"), &self.tree.extra("reference"))?;
        }
        Ok(Round { ours, reference })
    }
}

/// Fails where a table of the two sides differs.
fn compare(ours: &Path, reference: &Path) -> Result<(), Failure> {
    for file in [entries_file(SPLIT), class_ids_file(SPLIT), class_names_file(SPLIT)] {
        let read = |folder: &Path| {
            let path = folder.join(&file);
            fs::read(&path).map_err(|error| {
                Failure::new(FAILED, format!("{} cannot be read: {error}", path.display()), "a side has not written it")
            })
        };
        if read(ours)? != read(reference)? {
            let message = format!("{file}: the two sides do not write the same bytes");
            return Err(Failure::new(
                FAILED,
                message,
                "their speeds are not compared; `cargo test -p dinov3-data` first",
            ));
        }
    }
    Ok(())
}
