//! The log of a run made elsewhere, against the recorded run or another log.

use std::path::Path;
use std::time::Instant;

use dinov3_compare::told::{self, notes, words};
use dinov3_reports::{Event, Message, Reporter, Section};
use dinov3_trajectory::{CheckKind, ReadError, Run, Verdict, judge, judge_pair, judge_two};

use super::places::{self, Recorded};
use super::{Failure, INFO, Runs, live};
use crate::{Plan, Request, Session, SuiteError};

/// A verdict that is reached from logs alone, in the plan: a log that cannot be read is refused there.
pub(super) struct Judged {
    name: String,
    /// What the logs say beside their figures.
    notes: Vec<Message>,
    verdict: Verdict,
    seconds: f64,
}

impl Judged {
    pub(super) fn pair(candidate: &Path, against: &Path, runs: &Runs) -> Result<Self, Failure> {
        let begun = Instant::now();
        let options = runs.options();
        let (name, mut notes) = (name_of(candidate), Vec::new());
        let verdict = match (number(candidate), number(against)) {
            (Some(ours), Some(theirs)) => {
                let decimals = decimals(candidate).min(decimals(against));
                judge_two(("candidate", ours), ("against", theirs), decimals, &options)
            }
            (Some(_), None) => return Err(Failure::OneNumber(name)),
            (None, Some(_)) => return Err(Failure::OneNumber(name_of(against))),
            (None, None) => {
                let further: Result<Vec<Run>, ReadError> = runs.spread.iter().map(|log| live::read_run(log)).collect();
                let (candidate, against, further) = (live::read_run(candidate)?, live::read_run(against)?, further?);
                notes.extend([&candidate, &against].into_iter().chain(&further).flat_map(notes::of));
                judge_pair(&candidate, &against, &further, &options)
            }
        };
        Ok(Self { name, notes, verdict, seconds: begun.elapsed().as_secs_f64() })
    }

    pub(super) fn recorded(candidate: &Path, request: &Request) -> Result<Self, Failure> {
        let begun = Instant::now();
        let run = live::read_run(candidate)?;
        let recorded = Recorded::open(&request.golden)?;
        let recording = places::recording_for(&recorded.trajectory, &run, request.runs.precision.as_deref())?;
        let spread = recorded.spread(&recording.entry.precision)?;
        let verdict = judge(&run, &recording.run, &spread, &request.runs.options());
        Ok(Self {
            name: name_of(candidate),
            notes: notes::of(&run).collect(),
            verdict,
            seconds: begun.elapsed().as_secs_f64(),
        })
    }

    fn id(&self, kind: CheckKind) -> String {
        format!("{}/{}/{}", INFO.name, self.name, words::slug(words::check(kind)))
    }
}

impl Plan for Judged {
    fn checks(&self) -> Vec<String> {
        CheckKind::ALL.map(|kind| self.id(kind)).into()
    }

    fn lead(&self, _: &Session, reporter: &mut dyn Reporter) -> Result<Vec<Section>, SuiteError> {
        for note in &self.notes {
            reporter.event(&Event::Note { note: note.clone() })?;
        }
        for kind in CheckKind::ALL {
            let mut check = told::of(self.id(kind), kind, &self.name, &self.verdict);
            // All checks of a log are made at once.
            check.seconds = if kind == CheckKind::Coverage { self.seconds } else { 0.0 };
            reporter.event(&Event::CheckFinished { check })?;
        }
        Ok(told::sections(&self.name, &self.verdict))
    }

    fn follow(&self, _: &Session) -> Result<(), SuiteError> {
        Ok(())
    }
}

/// The last part of a path: a name for a report.
fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The number that a path is, where no file has that name.
fn number(path: &Path) -> Option<f64> {
    path.to_str().filter(|_| !path.exists())?.parse().ok()
}

/// Digits behind the point.
fn decimals(path: &Path) -> u32 {
    path.to_str().and_then(|text| text.split_once('.')).map_or(0, |(_, digits)| digits.len() as u32)
}
