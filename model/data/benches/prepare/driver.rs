//! Times one side after the other, and refuses to compare what is not the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use dinov3_beside::{ENVIRONMENT, FAILED, Failure, Reference, figures};
use dinov3_data::imagenet::Split;
use dinov3_data::tables::{Options, class_ids_file, class_names_file, entries_file, prepare};
use serde::{Deserialize, Serialize};

use crate::cli::Arguments;
use crate::tree::Tree;

/// The program of the reference's side.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/prepare/reference.py");
/// What is prepared.
const SPLIT: Split = Split::Train;

/// Seconds of both sides, taken one right after the other.
#[derive(Debug, Serialize)]
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

/// How the two sides are started.
pub struct Driver {
    reference: Option<Reference>,
    cold: bool,
}

impl Driver {
    /// Looks whether the reference can be run, before anything is timed.
    ///
    /// # Errors
    /// When it cannot.
    pub fn new(arguments: &Arguments) -> Result<Self, Failure> {
        Ok(Self { reference: Reference::find(&arguments.beside, PROGRAM)?, cold: arguments.cold })
    }

    /// Times both sides once.
    ///
    /// # Errors
    /// When a side fails, and when they do not write the same bytes.
    pub fn measure(&self, tree: &Tree) -> Result<Round, Failure> {
        let ours = self.ours(tree)?;
        let reference = self.theirs(tree)?;
        if reference.is_some() {
            compare(&tree.extra("ours"), &tree.extra("reference"))?;
        }
        Ok(Round { ours, reference })
    }

    fn ours(&self, tree: &Tree) -> Result<f64, Failure> {
        let extra = self.before(tree, "ours")?;
        let start = Instant::now();
        let options = Options { root: tree.root(), extra: &extra, force: true, progress: &|_| {} };
        prepare(SPLIT, &options).map_err(|error| Failure::of(FAILED, error))?;
        Ok(start.elapsed().as_secs_f64())
    }

    fn theirs(&self, tree: &Tree) -> Result<Option<f64>, Failure> {
        let Some(reference) = &self.reference else { return Ok(None) };
        let extra = self.before(tree, "reference")?;
        let mut command = reference.command();
        command.arg("--root").arg(tree.root()).arg("--extra").arg(extra);
        command.args(["--split", SPLIT.name()]).args(self.cold.then_some("--cold"));
        figures(&mut command).map(|measured: Measured| Some(measured.seconds))
    }

    /// An empty place for the tables, and empty caches if asked for.
    fn before(&self, tree: &Tree, side: &str) -> Result<PathBuf, Failure> {
        let extra = tree.extra(side);
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
