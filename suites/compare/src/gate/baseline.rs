//! Runs that were accepted, each with the reason; the old ones stay.

use std::fs;
use std::io;
use std::path::Path;

use dinov3_ground::atomic::StagedFile;
use dinov3_reports::{Gate, RunReport, json};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{GateError, SPEED, Trait};

/// The version of the file.
const SCHEMA: u32 = 1;

/// A run that was accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Why.
    pub because: String,
    /// Its report: the evidence.
    pub report: RunReport,
    /// Whether it is one more run of what was accepted before it, and no new level.
    pub again: bool,
}

/// The file of a baseline: all runs that were ever accepted. The last one counts, and for speed all runs of its level.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    /// The runs, in the order in which they were accepted.
    pub accepted: Vec<Accepted>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    baseline_schema: u32,
    accepted: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    because: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    again: bool,
    report: Box<RawValue>,
}

impl Baseline {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is no baseline.
    pub fn open(file: &Path) -> Result<Self, GateError> {
        let text = fs::read_to_string(file).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => GateError::Missing(file.to_owned()),
            _ => GateError::Io { file: file.to_owned(), cause },
        })?;
        let none = |cause| GateError::NoBaseline { file: file.to_owned(), cause };
        let document: Document = serde_json::from_str(&text).map_err(none)?;
        let report =
            |text: &str| json::from_json(text).map_err(|cause| GateError::NoReport { file: file.to_owned(), cause });
        let accepted = document
            .accepted
            .into_iter()
            .map(|it| Ok(Accepted { because: it.because, report: report(it.report.get())?, again: it.again }));
        Ok(Self { accepted: accepted.collect::<Result<_, GateError>>()? })
    }

    /// The run that counts.
    pub fn current(&self) -> Option<&Accepted> {
        self.accepted.last()
    }

    /// The runs of the level that counts: the last one that was no further run of those before it, and all that came after it.
    pub fn level(&self) -> &[Accepted] {
        let first = self.accepted.iter().rposition(|it| !it.again).unwrap_or(0);
        &self.accepted[first..]
    }

    /// Accepts the run of a JSON report, and writes the baseline with all runs before it. `again` says that it is one more run of the same
    /// program on the same machine as the last one: how far such runs are apart is noise.
    ///
    /// # Errors
    /// When the run does not pass, no reason is given, it is of something else than the runs that it is to stand beside, or a file cannot be
    /// read or written.
    pub fn accept(file: &Path, run: &Path, because: &str, again: bool) -> Result<Self, GateError> {
        if because.trim().is_empty() {
            return Err(GateError::NoReason);
        }
        let mut baseline = if file.exists() { Self::open(file)? } else { Self::default() };
        let text = fs::read_to_string(run).map_err(|cause| GateError::Io { file: run.to_owned(), cause })?;
        let report = json::from_json(&text).map_err(|cause| GateError::NoReport { file: run.to_owned(), cause })?;
        if report.gate() != Gate::Pass {
            return Err(GateError::FailingBaseline(run.to_owned()));
        }
        if again {
            let last = baseline.current().ok_or_else(|| GateError::NothingBefore(file.to_owned()))?;
            Trait::agree(&last.report, &report.environment, &report.suites, &[SPEED], &[])?;
        }
        baseline.accepted.push(Accepted { because: because.to_owned(), report, again });
        baseline.write(file)?;
        Ok(baseline)
    }

    fn write(&self, file: &Path) -> Result<(), GateError> {
        let none = |cause| GateError::NoBaseline { file: file.to_owned(), cause };
        let entry = |it: &Accepted| -> Result<Entry, serde_json::Error> {
            let report = RawValue::from_string(json::to_json(&it.report)?.trim_end().to_owned())?;
            Ok(Entry { because: it.because.clone(), again: it.again, report })
        };
        let accepted = self.accepted.iter().map(entry).collect::<Result<_, _>>().map_err(none)?;
        let text = serde_json::to_string(&Document { baseline_schema: SCHEMA, accepted }).map_err(none)?;
        let io = |cause| GateError::Io { file: file.to_owned(), cause };
        let staged = StagedFile::filled(file, |out| out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")));
        staged.map_err(io)?.publish().map_err(io)
    }
}
