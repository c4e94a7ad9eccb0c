//! One side after the other. Two sides that make different crops are not timed.

use std::path::Path;

use dinov3_data::memory;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::Arguments;
use super::ours::{first_crops, pictures, rate};
use crate::failure::{ENVIRONMENT, FAILED, Failure};
use crate::process::figures;
use crate::reference::Reference;
use crate::rounds::Workload;

/// What the pictures are cut from.
const PHOTOGRAPHS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/photographs");

/// Images a second, taken one right after the other.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Round {
    /// Ours, one thread.
    pub one: f64,
    /// Ours, as many threads as asked for.
    pub many: f64,
    /// The reference's, one thread, if it was measured.
    pub reference: Option<f64>,
}

/// What the reference's side prints when it has made the pictures.
#[derive(Deserialize)]
struct Made {
    /// SHA-256 of the crops of one picture after another.
    first: String,
}

/// What the reference's side prints of a round.
#[derive(Deserialize)]
struct Measured {
    images: u32,
    seconds: f64,
}

/// The same pictures for both sides.
pub struct Augment {
    reference: Option<Reference>,
    /// Where the reference finds the pictures; removed when dropped.
    folder: TempDir,
    pictures: Vec<Vec<u8>>,
    images: u32,
    threads: u32,
}

impl Augment {
    /// Looks whether the reference can be run and makes the same crops, before anything is timed.
    ///
    /// # Errors
    /// The reference cannot be run, or it makes other crops; or there are no pictures.
    pub fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let reference = Reference::find(&arguments.common, "augment.py")?;
        let folder = tempfile::tempdir().map_err(|error| {
            let message = format!("no folder can be made for the pictures: {error}");
            Failure::new(ENVIRONMENT, message, "look at TMPDIR, and at the disk")
        })?;
        let pictures = match &reference {
            Some(reference) => same_crops(reference, folder.path())?,
            None => pictures(Path::new(PHOTOGRAPHS))?,
        };
        // As the loader does.
        memory::keep_freed();
        Ok(Self { reference, folder, pictures, images: arguments.images, threads: arguments.threads })
    }

    fn theirs(&self, reference: &Reference) -> Result<f64, Failure> {
        let mut command = reference.command();
        command.arg("--pictures").arg(self.folder.path()).args(["--images", &self.images.to_string()]);
        figures(&mut command).map(|measured: Measured| f64::from(measured.images) / measured.seconds)
    }
}

impl Workload for Augment {
    type Round = Round;

    fn round(&self) -> Result<Round, Failure> {
        let images = 8 * self.images as usize;
        let one = rate(&self.pictures, 1, images)?;
        let many = rate(&self.pictures, self.threads, images)?;
        let reference = self.reference.as_ref().map(|reference| self.theirs(reference)).transpose()?;
        Ok(Round { one, many, reference })
    }
}

/// The pictures that the reference's side makes, and both sides crop in the same way.
fn same_crops(reference: &Reference, folder: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let mut command = reference.command();
    command.args(["--photographs", PHOTOGRAPHS, "--pictures"]).arg(folder).arg("--make");
    let made: Made = figures(&mut command)?;
    let pictures = pictures(folder)?;
    if made.first == first_crops(&pictures)? {
        return Ok(pictures);
    }
    let hint = "their speeds are not compared; `cargo harness run --suite data` tells what differs";
    Err(Failure::new(FAILED, "the two sides do not make the same crops", hint))
}
