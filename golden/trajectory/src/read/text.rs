//! The text log of the Python program or of its Ascend port.
//!
//! ```text
//! I20251111 10:12:13 4242 dinov3 helpers.py:118] Training  [  990/125000]  eta: 1 day, 4:30:00  total_loss: 6.8800 (7.8800)  …  time: 1.300123  data: 0.000345
//! ```
//!
//! A meter has its median, and the mean of all steps so far in parentheses: the median is taken, as
//! `training_metrics.json` has it. Banners, tracebacks and what other programs say stand between the lines.

mod figures;
mod process;

use memchr::{memchr, memmem};

use super::columns::Columns;
use super::error::Problem;
use crate::run::{Format, Note, Run, Start};

use figures::Header;
use process::Processes;

/// Reads a log.
pub(super) fn read(bytes: &[u8]) -> Result<Run, Problem> {
    let mut log = Log { run: Run { format: Format::Text, ..Run::default() }, ..Log::default() };
    let training = memmem::Finder::new(b"Training  [");
    let mut rest = bytes;
    while !rest.is_empty() {
        log.number += 1;
        let end = memchr(b'\n', rest);
        let line = &rest[..end.unwrap_or(rest.len())];
        rest = end.map_or(&[], |end| &rest[end + 1..]);
        match training.find(line) {
            Some(at) => log.figures(line, at, end.is_none()),
            None => log.other(line),
        }
    }
    Ok(log.finish())
}

#[derive(Default)]
struct Log {
    run: Run,
    number: u64,
    columns: Columns,
    processes: Processes,
    malformed: Option<(u64, u64, u64)>,
    nans: Option<(u64, u64)>,
    /// The first line of a traceback that goes on.
    traceback: Option<u64>,
    /// The lines of the config that goes on.
    config: Option<String>,
}

impl Log {
    /// A line with figures, which begin at `at`.
    fn figures(&mut self, line: &[u8], at: usize, last: bool) {
        self.end_config();
        self.processes.line(&line[..at], self.number);
        let message = line[at..].trim_ascii_end();
        let header = figures::header(message).and_then(|header| {
            self.columns.row(header.iteration);
            figures::meters(message, header.end, &mut self.columns)
                .map(|()| header)
                .inspect_err(|_| self.columns.undo())
        });
        if header.is_err() {
            self.processes.undo();
        }
        match header {
            Ok(Header { horizon, .. }) => self.horizon(horizon),
            Err(_) if last => self.run.notes.push(Note::CutLine { line: self.number }),
            Err(column) => {
                let first = self.malformed.get_or_insert((self.number, (at + column) as u64 + 1, 0));
                first.2 += u64::from(first.0 != self.number);
            }
        }
    }

    fn horizon(&mut self, horizon: u64) {
        if let Some(before) = self.run.facts.horizon.replace(horizon).filter(|before| *before != horizon) {
            self.run.notes.push(Note::OtherHorizon { line: self.number, before });
        }
    }

    /// A line without figures.
    fn other(&mut self, line: &[u8]) {
        if let Some(config) = &mut self.config {
            // The lines of a config have no prefix; the next message has one.
            if !process::has_prefix(line) {
                config.push_str(&String::from_utf8_lossy(line.trim_ascii_end()));
                config.push('\n');
                return;
            }
            self.end_config();
        }
        if let Some(begun) = self.traceback {
            // The lines of a traceback are indented; the exception is not.
            let own = process::without_rank(line);
            if !own.is_empty() && !own.starts_with(b" ") {
                let exception = String::from_utf8_lossy(own.trim_ascii_end()).into_owned();
                self.run.notes.push(Note::Traceback { line: begun, exception });
                self.traceback = None;
            }
            return;
        }
        self.landmarks(line);
    }

    fn landmarks(&mut self, line: &[u8]) {
        let find = |word: &str| memmem::find(line, word.as_bytes()).map(|at| &line[at + word.len()..]);
        if find("Traceback (most recent call last):").is_some() {
            self.traceback = Some(self.number);
        } else if let Some(behind) = find("Starting training from iteration ") {
            if let Some(iteration) = leading_number(behind) {
                self.run.starts.push(Start { row: self.columns.len(), iteration });
            }
        } else if find("NaN loss detected").is_some() {
            self.nans.get_or_insert((self.number, 0)).1 += 1;
        } else if let Some(behind) = find("sha: ").filter(|_| self.run.facts.commit.is_none()) {
            let digits = behind.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            if digits == 40 {
                self.run.facts.commit = Some(String::from_utf8_lossy(&behind[..40]).into_owned());
            }
        } else if line.ends_with(b"] MODEL:") {
            self.config = Some("MODEL:\n".to_owned());
        }
    }

    fn end_config(&mut self) {
        if let Some(config) = self.config.take() {
            super::config::learn(&mut self.run.facts, &config);
        }
    }

    fn finish(mut self) -> Run {
        self.end_config();
        let notes = &mut self.run.notes;
        if let Some((line, column, more)) = self.malformed {
            notes.push(Note::Malformed { line, column, more });
        }
        if let Some((line, lines)) = self.nans {
            notes.push(Note::NanLoss { line, lines });
        }
        if let Some(line) = self.traceback {
            notes.push(Note::Traceback { line, exception: String::new() });
        }
        if let Some((note, kept)) = self.processes.mixture() {
            notes.push(note);
            self.columns.retain(&kept);
        }
        self.columns.into_run(&mut self.run);
        self.run
    }
}

/// The number that a text begins with.
fn leading_number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}
