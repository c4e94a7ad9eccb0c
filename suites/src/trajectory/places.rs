//! Where recorded runs are.

use std::path::{Path, PathBuf};

use dinov3_golden::Fingerprint;
use dinov3_torch::device::Device;
use dinov3_trajectory::trajectory::spread_file;
use dinov3_trajectory::{Recording, Run, Spread, Trajectory};
use serde_json::Value;

use super::Failure;
use crate::judging::replay::this_machine;
use crate::{SuiteError, sets};

/// The sets that hold states of a recorded run have names that begin so.
const STATES: &str = "trajectory_";

/// A recorded run.
pub(super) struct Recorded {
    pub(super) folder: PathBuf,
    pub(super) trajectory: Trajectory,
}

impl Recorded {
    /// The recorded run that belongs to folders of golden sets: a folder given is one itself, or its neighbour `trajectories` holds one.
    ///
    /// # Errors
    /// When there is none, or it is damaged.
    pub(super) fn open(roots: &[PathBuf]) -> Result<Self, Failure> {
        let folder = roots.iter().flat_map(|root| candidates(root)).find(|folder| is_trajectory(folder));
        let folder = folder.ok_or_else(|| Failure::NoTrajectory(roots.to_vec()))?;
        Ok(Self { trajectory: Trajectory::open(&folder)?, folder })
    }

    /// How far correct runs at `precision` are from the recorded one.
    ///
    /// # Errors
    /// When that was not measured, or the file is damaged.
    pub(super) fn spread(&self, precision: &str) -> Result<Spread, Failure> {
        Ok(Spread::open(&self.folder.join(spread_file(precision)))?)
    }
}

/// Its manifest lists runs, where that of a golden set lists precisions.
fn is_trajectory(folder: &Path) -> bool {
    let manifest = std::fs::read(folder.join("manifest.json")).ok();
    let manifest: Option<Value> = manifest.and_then(|text| serde_json::from_slice(&text).ok());
    manifest.is_some_and(|manifest| manifest.get("runs").is_some())
}

fn candidates(root: &Path) -> Vec<PathBuf> {
    let beside = root.parent().map(|parent| parent.join("trajectories"));
    let within = beside.into_iter().chain([root.to_owned()]).flat_map(|folder| {
        let mut folders: Vec<PathBuf> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        folders.sort();
        folders
    });
    [root.to_owned()].into_iter().chain(within).collect()
}

/// The golden sets that hold a step from a state of the run.
///
/// # Errors
/// When a folder cannot be listed.
pub(super) fn states(roots: &[PathBuf]) -> Result<Vec<PathBuf>, SuiteError> {
    let roots: Vec<PathBuf> = roots.iter().filter(|root| !is_trajectory(root)).cloned().collect();
    let is_state = |folder: &PathBuf| folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(STATES));
    Ok(sets::folders(&roots)?.into_iter().filter(is_state).collect())
}

/// The recording that a log is held against: of the precision asked for, or of that of the config in the log.
///
/// # Errors
/// When neither says it, or the run has no recording of it.
pub(super) fn recording_for<'a>(
    trajectory: &'a Trajectory,
    run: &Run,
    asked: Option<&str>,
) -> Result<&'a Recording, Failure> {
    let unknown = |what: String| Failure::NoRecording { log: run.name.clone(), what };
    let logged = run.facts.config.as_deref().and_then(precision_of);
    let precision =
        asked.map(str::to_owned).or(logged).ok_or_else(|| unknown("its precision is not known".to_owned()))?;
    trajectory.recording(&precision).ok_or_else(|| {
        unknown(format!(
            "there is none at {precision}; there are {}",
            trajectory.recordings.iter().map(|it| it.entry.precision.as_str()).collect::<Vec<_>>().join(", ")
        ))
    })
}

/// The circumstances of a recording. A manifest has more than a fingerprint has: versions of Python's packages.
///
/// # Errors
/// When the manifest does not say them.
pub(super) fn fingerprint(recording: &Recording) -> Result<Fingerprint, Failure> {
    let unknown = |error: serde_json::Error| Failure::Fingerprint(error.to_string());
    let known = serde_json::to_value(this_machine(Device::Cpu)).map_err(unknown)?;
    let mut value = recording.entry.fingerprint.clone();
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|field, _| known.get(field).is_some());
    }
    serde_json::from_value(value).map_err(unknown)
}

/// The dtype that computes, in a config as YAML.
fn precision_of(yaml: &str) -> Option<String> {
    let config = dinov3_config::yaml::parse("config of a log", yaml).ok()?;
    Some(dinov3_config::at(&config, "compute_precision.param_dtype")?.as_str()?.to_owned())
}
