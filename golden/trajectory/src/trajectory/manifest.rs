//! `manifest.json`, field for field.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{SCHEMA_VERSION, Wrong};

/// Longer runs are a mistake: a column of each step would take a gigabyte.
const MOST_STEPS: u64 = 1 << 27;

/// The manifest of a golden trajectory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format.
    pub schema_version: u64,
    /// The name of the trajectory, and of its folder.
    pub name: String,
    /// One line for a reader.
    pub description: String,
    /// The recorded program.
    pub reference: Reference,
    /// What was trained.
    pub recipe: Recipe,
    /// The images: their folder, and the hash of their list.
    pub dataset: Value,
    /// The recorded runs, one for each precision.
    pub runs: Vec<RunEntry>,
}

/// The repository and commit of the recorded program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// `owner/name` of the repository.
    pub repository: String,
    /// Full commit hash.
    pub commit: String,
}

/// A recipe on board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Its name.
    pub name: String,
    /// Its YAML text.
    pub yaml: String,
    /// `key=value` overrides.
    pub overrides: Vec<String>,
}

/// A recorded run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunEntry {
    /// `fp32` or `bf16`.
    pub precision: String,
    /// The file of columns.
    pub file: String,
    /// Its hash.
    pub sha256: String,
    /// Recorded steps.
    pub steps: u64,
    /// Steps of the whole training.
    pub horizon: u64,
    /// `plain` (plain modules) or `fsdp2` (the program's own).
    pub program: String,
    /// Versions, pins and processor, as golden sets have them.
    pub fingerprint: Value,
    /// The date of the recording.
    pub recorded: String,
    /// Hashes of the state, each thousand steps.
    pub states: Vec<State>,
}

/// The hashes of a state: lower-case hexadecimal SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Steps done.
    pub step: u64,
    /// Of all parameters and buffers of the student and the average.
    pub weights: String,
    /// Of the optimizer's moments.
    pub moments: String,
    /// Of torch's random stream.
    pub streams: String,
}

impl Manifest {
    /// Checks versions, ranges and names.
    pub(super) fn check(&self) -> Result<(), Wrong> {
        if self.schema_version != SCHEMA_VERSION {
            return Err(Wrong::Version(self.schema_version));
        }
        for (index, run) in self.runs.iter().enumerate() {
            let bad = |key: &str, given: &dyn ToString, reason| {
                Err(Wrong::Value { key: format!("runs[{index}].{key}"), given: given.to_string(), reason })
            };
            if self.runs[..index].iter().any(|other| other.precision == run.precision) {
                return bad("precision", &run.precision, "another run has it too");
            }
            if run.steps == 0 || run.steps > run.horizon || run.horizon > MOST_STEPS {
                return bad("steps", &run.steps, "it is expected to be between 1 and `horizon`");
            }
            for state in &run.states {
                if state.step > run.steps {
                    return bad("states.step", &state.step, "the run is shorter");
                }
                let hex =
                    |hash: &String| hash.len() == 64 && hash.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
                if let Some(hash) = [&state.weights, &state.moments, &state.streams].into_iter().find(|it| !hex(it)) {
                    return bad("states", hash, "64 hexadecimal digits are expected");
                }
            }
        }
        Ok(())
    }
}
