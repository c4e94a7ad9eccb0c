//! The trace of a run (`train --trace N`): the total loss of each step, and what the state is after every N steps.
//!
//! The reference logs medians of 20 steps, every 10. A trace is what tells whether two runs have the same bits: `steps.jsonl` has a line
//! for each iteration (`{"iteration": 0, "total_loss": 9.125}`), `states.jsonl` a line for each state (`{"step": 1000, "weights": "…",
//! "moments": "…", "streams": "…"}`, where `step` is the number of steps taken).

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use dinov3_ground::atomic::write_file;
use dinov3_ground::hex;
use dinov3_torch::bytes::with_bytes;
use dinov3_torch::runtime;
use dinov3_train::run::PartError;
use dinov3_train::{State, StateError, Trainer};
use sha2::{Digest, Sha256};

use crate::{append, python};

/// The file of losses, in the output folder.
pub const STEPS: &str = "steps.jsonl";
/// The file of states, in the output folder.
pub const STATES: &str = "states.jsonl";

/// SHA-256 of what lasts between two steps, in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprints {
    /// Of parameters and buffers of the student and of its average.
    pub weights: String,
    /// Of both moments of AdamW.
    pub moments: String,
    /// Of the random stream of the host.
    pub streams: String,
}

impl Fingerprints {
    /// Of a trainer on one rank. Tensors are ordered by name (`student.backbone.cls_token`, `model_ema.…`, `exp_avg.student.…`).
    ///
    /// # Errors
    /// None where the tensors are in memory, as they are here.
    pub fn of(trainer: &Trainer) -> Result<Self, StateError> {
        let state = State::of(trainer, 0, 1);
        let weight = |name: &str| {
            let (kind, name) = name.split_once('.')?;
            let (network, within) = name.split_once('.')?;
            match (kind, network) {
                ("param" | "buffer", "student") => Some(format!("student.{within}")),
                ("param" | "buffer", "teacher") => Some(format!("model_ema.{within}")),
                _ => None,
            }
        };
        let moment = |name: &str| name.starts_with("exp_avg").then(|| name.to_owned());
        Ok(Self {
            weights: state.fingerprint(weight)?,
            moments: state.fingerprint(moment)?,
            streams: with_bytes(&runtime::rng_state(), |_, _, bytes| hex(&Sha256::digest(bytes))),
        })
    }
}

/// Writes the trace of a run.
#[derive(Debug)]
pub struct Trace {
    steps: (PathBuf, BufWriter<File>),
    states: (PathBuf, BufWriter<File>),
    every: usize,
}

impl Trace {
    /// Into `folder`, with states after every `every` steps, of a run whose next iteration is `next`: lines of an earlier try at what
    /// comes now are dropped.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn open(folder: &Path, every: usize, next: usize) -> Result<Self, (PathBuf, io::Error)> {
        let open = |name: &str, key: &str, kept: usize| {
            let path = folder.join(name);
            let opened = keep(&path, key, kept).and_then(|()| append::open(&path));
            match opened {
                Ok(file) => Ok((path, BufWriter::new(file))),
                Err(error) => Err((path, error)),
            }
        };
        // The state after step `next` is that before iteration `next`: a line of it stays.
        Ok(Self { steps: open(STEPS, "iteration", next)?, states: open(STATES, "step", next + 1)?, every })
    }

    /// Iteration `it` was taken.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn stepped(&mut self, it: usize, loss: f32, trainer: &Trainer) -> Result<(), PartError> {
        let loss = python::json_float(f64::from(loss));
        write(&mut self.steps, &format!("{{\"iteration\": {it}, \"total_loss\": {loss}}}\n"))?;
        let taken = it + 1;
        if taken.is_multiple_of(self.every) {
            let Fingerprints { weights, moments, streams } = Fingerprints::of(trainer)?;
            let line = format!(
                "{{\"step\": {taken}, \"weights\": \"{weights}\", \"moments\": \"{moments}\", \"streams\": \"{streams}\"}}\n"
            );
            write(&mut self.states, &line)?;
            self.flush()?;
        }
        Ok(())
    }

    /// Hands everything to the system: a checkpoint follows, from which the run may go on.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn flush(&mut self) -> Result<(), PartError> {
        for (path, file) in [&mut self.steps, &mut self.states] {
            file.flush().map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }
}

fn write((path, file): &mut (PathBuf, BufWriter<File>), line: &str) -> Result<(), PartError> {
    file.write_all(line.as_bytes()).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Keeps the lines of a file of an earlier leg of the run whose number is below `kept`.
fn keep(path: &Path, key: &str, kept: usize) -> io::Result<()> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let opening = format!("{{\"{key}\": ");
    let number = |line: &str| -> Option<usize> { line.strip_prefix(&opening)?.split(',').next()?.parse().ok() };
    // The last line may have been cut: it ends without a line feed.
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let lines: String = whole.filter(|line| number(line).is_some_and(|number| number < kept)).collect();
    write_file(path, |out| out.write_all(lines.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_of_steps_to_come_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(STEPS);
        let line = |it: usize| format!("{{\"iteration\": {it}, \"total_loss\": 1.5}}\n");
        fs::write(&path, format!("{}{}{}{{\"iteration\": 3, \"tot", line(0), line(1), line(2))).unwrap();
        keep(&path, "iteration", 2).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), line(0) + &line(1));
    }

    #[test]
    fn a_run_that_begins_has_no_trace_yet() {
        let folder = tempfile::tempdir().unwrap();
        keep(&folder.path().join(STATES), "step", 1).unwrap();
        assert!(!folder.path().join(STATES).exists());
    }
}
