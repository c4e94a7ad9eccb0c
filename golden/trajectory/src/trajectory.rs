//! A golden trajectory: a folder with `manifest.json` and one file of columns for each recorded precision.

mod columns;
mod error;
mod manifest;

use std::fs;
use std::path::{Path, PathBuf};

use dinov3_ground::{atomic, hex};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::run::{Format, Run};
use error::at;

pub use error::{TrajectoryError, Wrong};
pub use manifest::{Manifest, Recipe, Reference, RunEntry, State};

/// The name of the manifest.
pub const MANIFEST: &str = "manifest.json";

/// The version of the format.
pub const SCHEMA_VERSION: u64 = 1;

/// The name of the spread at a precision, in a folder of a golden trajectory.
pub fn spread_file(precision: &str) -> String {
    format!("spread-{precision}.json")
}

/// A golden trajectory. Its files are checked by hash when it is opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    /// What was recorded.
    pub manifest: Manifest,
    /// The recordings, in the order of [`Manifest::runs`].
    pub recordings: Vec<Recording>,
}

/// One recorded run.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// How it was recorded, and the hashes of its states.
    pub entry: RunEntry,
    /// Its figures, and the loss of each step as the series [`crate::meters::STEP_TOTAL_LOSS`].
    pub run: Run,
}

impl Trajectory {
    /// Reads a folder.
    ///
    /// # Errors
    /// When a file cannot be read, has another hash than the manifest says, or is no trajectory.
    pub fn open(folder: &Path) -> Result<Self, TrajectoryError> {
        let file = folder.join(MANIFEST);
        let bytes = fs::read(&file).map_err(|source| TrajectoryError::Io { file: file.clone(), source })?;
        let manifest: Manifest = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(&bytes))
            .map_err(|error| at(&file, Wrong::Manifest(error.to_string())))?;
        manifest.check().map_err(|wrong| at(&file, wrong))?;
        let recordings = manifest.runs.iter().map(|entry| Recording::open(folder, &manifest, entry));
        let recordings = recordings.collect::<Result<_, _>>()?;
        Ok(Self { manifest, recordings })
    }

    /// Writes a folder that exists: the columns, then the manifest with their hashes.
    ///
    /// # Errors
    /// When a file cannot be written, or a recording is not what a manifest can hold.
    pub fn write(&self, folder: &Path) -> Result<(), TrajectoryError> {
        let mut manifest = self.manifest.clone();
        manifest.runs.clear();
        for recording in &self.recordings {
            let mut entry = recording.entry.clone();
            let file = file(folder, &entry.file)?;
            let bytes = columns::to_bytes(&recording.run, entry.steps).map_err(|wrong| at(&file, wrong))?;
            entry.sha256 = sha256(&bytes);
            write(&file, &bytes)?;
            manifest.runs.push(entry);
        }
        let file = folder.join(MANIFEST);
        manifest.check().map_err(|wrong| at(&file, wrong))?;
        let mut text = Vec::new();
        let indent = serde_json::ser::PrettyFormatter::with_indent(b" ");
        manifest
            .serialize(&mut serde_json::Serializer::with_formatter(&mut text, indent))
            .map_err(|error| at(&file, Wrong::Manifest(error.to_string())))?;
        text.push(b'\n');
        write(&file, &text)
    }

    /// The recording of a precision.
    pub fn recording(&self, precision: &str) -> Option<&Recording> {
        self.recordings.iter().find(|recording| recording.entry.precision == precision)
    }
}

impl Recording {
    fn open(folder: &Path, manifest: &Manifest, entry: &RunEntry) -> Result<Self, TrajectoryError> {
        let file = file(folder, &entry.file)?;
        let bytes = fs::read(&file).map_err(|source| TrajectoryError::Io { file: file.clone(), source })?;
        let found = sha256(&bytes);
        if found != entry.sha256 {
            return Err(at(&file, Wrong::Hash { recorded: entry.sha256.clone(), found }));
        }
        let mut run = columns::from_bytes(&bytes, entry.steps).map_err(|wrong| at(&file, wrong))?;
        run.name = format!("{} ({})", manifest.name, entry.precision);
        run.format = Format::Golden;
        run.facts.horizon = Some(entry.horizon);
        run.facts.commit = Some(manifest.reference.commit.clone());
        run.facts.config = Some(manifest.recipe.yaml.clone());
        Ok(Self { entry: entry.clone(), run })
    }

    /// The state after so many steps.
    pub fn state(&self, step: u64) -> Option<&State> {
        self.entry.states.iter().find(|state| state.step == step)
    }
}

/// The path of a file of the folder itself.
fn file(folder: &Path, name: &str) -> Result<PathBuf, TrajectoryError> {
    let plain =
        !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != ".." && name != "." && name != MANIFEST;
    if plain { Ok(folder.join(name)) } else { Err(at(&folder.join(MANIFEST), Wrong::FileName(name.to_owned()))) }
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), TrajectoryError> {
    atomic::write_file(file, |out| out.write_all(bytes))
        .map_err(|source| TrajectoryError::Io { file: file.to_owned(), source })
}

/// Lower-case hexadecimal SHA-256.
fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests;
