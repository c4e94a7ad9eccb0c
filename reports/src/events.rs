//! Events as lines of JSON: written as they happen, and read back to the report that the run itself would have made.

use crate::{Collector, Event, Reporter, RunReport, SCHEMA_VERSION};
use dinov3_ground::{Hint, Hints};
use serde::Deserialize;
use std::io::{self, BufRead, Write};

/// The reporter that writes each event as one line of JSON.
#[derive(Debug)]
pub struct JsonLines<W>(W);

impl<W: Write> JsonLines<W> {
    /// Lines to `output`.
    pub fn new(output: W) -> Self {
        Self(output)
    }
}

impl<W: Write> Reporter for JsonLines<W> {
    /// A line reaches the output whole and at once: whoever reads along sees no half of one, and a run that is killed leaves what it had found
    /// out.
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.0.write_all(&line)?;
        self.0.flush()
    }
}

/// A file of events could not be read.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The file cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A line is no event.
    #[error("line {line} is no event: {cause}")]
    Malformed {
        /// Which line, from 1.
        line: usize,
        /// Why.
        cause: serde_json::Error,
    },
    /// An event is where it cannot be.
    #[error("line {line} does not follow from those before it: {cause}")]
    Misplaced {
        /// Which line, from 1.
        line: usize,
        /// Why.
        cause: io::Error,
    },
    /// Another version of the program wrote it.
    #[error("line {line}: these events have schema version {found}; this program reads version {SCHEMA_VERSION}")]
    Version {
        /// Which line, from 1.
        line: usize,
        /// The version.
        found: u32,
    },
    /// The run did not come to its end.
    #[error("the events end at line {line}, before the run was over; checks that were finished: {checks}")]
    CutShort {
        /// The last whole line.
        line: usize,
        /// Checks that were finished.
        checks: usize,
    },
    /// There is not one event.
    #[error("there are no events in it")]
    Empty,
}

impl Hint for EventsError {
    fn hints(&self) -> Hints {
        match self {
            Self::Io(_) | Self::Empty => "give a file that `run --events FILE` wrote".into(),
            Self::Malformed { line, .. } | Self::Misplaced { line, .. } => rest(*line).into(),
            Self::Version { .. } => "read them with the program that wrote them".into(),
            Self::CutShort { .. } => {
                "`--partial` reports these, as a run that did not pass; or run the checks again".into()
            }
        }
    }
}

fn rest(line: usize) -> String {
    match line {
        1 => "give a file that `run --events FILE` wrote".to_owned(),
        _ => format!("`--partial` reports the {} lines before it, as a run that did not pass", line - 1),
    }
}

/// Whether `text` begins like a file of events: its first line is a whole event.
pub fn are_events(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Tagged {
        #[allow(dead_code, reason = "that it is there says all")]
        event: String,
    }
    text.lines().next().is_some_and(|line| serde_json::from_str::<Tagged>(line).is_ok())
}

/// Calls `hear` for every event of `input`, and gives the report of the run. With `partial` a run that was cut short, or the lines before a
/// broken one, will do: the report then says that it is not complete.
///
/// # Errors
/// See [`EventsError`]; those of `hear` are passed on.
pub fn replay(
    input: impl BufRead,
    partial: bool,
    hear: &mut dyn FnMut(&Event) -> io::Result<()>,
) -> Result<RunReport, EventsError> {
    let mut collector = Collector::default();
    let (mut last, mut ended) = (0, false);
    for (index, line) in input.lines().enumerate() {
        let number = index + 1;
        let line = line?;
        match one(&line, number, &mut collector) {
            Ok(event) => {
                hear(&event)?;
                ended = matches!(event, Event::RunFinished { .. });
                last = number;
            }
            // Of another version no line can be trusted.
            Err(error @ EventsError::Version { .. }) => return Err(error),
            Err(_) if partial && last > 0 => break,
            Err(error) => return Err(error),
        }
    }
    let checks = collector.suites().iter().map(|suite| suite.checks.len()).sum();
    let report = collector.report().ok_or(EventsError::Empty)?;
    if ended || partial { Ok(report) } else { Err(EventsError::CutShort { line: last, checks }) }
}

fn one(line: &str, number: usize, collector: &mut Collector) -> Result<Event, EventsError> {
    let event: Event = serde_json::from_str(line).map_err(|cause| EventsError::Malformed { line: number, cause })?;
    match event {
        Event::RunStarted { schema_version: found, .. } if found != SCHEMA_VERSION => {
            return Err(EventsError::Version { line: number, found });
        }
        Event::RunStarted { .. } if number > 1 => {
            let cause = io::Error::other("a second run starts here");
            return Err(EventsError::Misplaced { line: number, cause });
        }
        Event::RunStarted { .. } => {}
        _ if number == 1 => {
            let cause = io::Error::other("a run starts with `run_started`");
            return Err(EventsError::Misplaced { line: number, cause });
        }
        _ => {}
    }
    collector.event(&event).map_err(|cause| EventsError::Misplaced { line: number, cause })?;
    Ok(event)
}

/// The events that a run would have emitted that ended in this report: to show one that was read from a file.
pub fn of_report(report: &RunReport) -> Vec<Event> {
    let mut events = vec![Event::RunStarted {
        schema_version: SCHEMA_VERSION,
        tool: report.tool.clone(),
        environment: report.environment.clone(),
        allow_vacuous: report.allow_vacuous.clone(),
    }];
    for suite in &report.suites {
        events.push(Event::SuiteStarted {
            suite: suite.suite.clone(),
            group: suite.group.clone(),
            proves: suite.proves.clone(),
            planned: suite.checks.iter().map(|check| check.id.clone()).collect(),
        });
        events.extend(suite.checks.iter().map(|check| Event::CheckFinished { check: check.clone() }));
        let (suite, sections, seconds) = (suite.suite.clone(), suite.sections.clone(), suite.seconds);
        events.push(Event::SuiteFinished { suite, sections, seconds });
    }
    events.extend(report.notes.iter().map(|note| Event::Note { note: note.clone() }));
    let (threads, seconds) = (report.environment.threads, report.environment.seconds);
    events.push(Event::RunFinished { gate: report.gate(), threads, seconds });
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gate, fixture};

    fn lines() -> String {
        let mut written = JsonLines::new(Vec::new());
        for event in fixture::events(&fixture::report()) {
            written.event(&event).unwrap();
        }
        String::from_utf8(written.0).unwrap()
    }

    fn read(text: &str, partial: bool) -> Result<RunReport, EventsError> {
        replay(text.as_bytes(), partial, &mut |_| Ok(()))
    }

    #[test]
    fn what_is_written_is_read_back_to_the_same_report() {
        let text = lines();
        assert!(are_events(&text) && !are_events(&crate::json::to_json(&fixture::report()).unwrap()));
        assert_eq!(format!("{:?}", read(&text, false).unwrap()), format!("{:?}", fixture::report()));
        let again: Vec<Event> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(format!("{again:?}"), format!("{:?}", fixture::events(&fixture::report())));
    }

    #[test]
    fn a_report_makes_the_events_that_make_it() {
        let mut collector = Collector::default();
        of_report(&fixture::report()).iter().for_each(|event| collector.event(event).unwrap());
        assert_eq!(format!("{:?}", collector.report().unwrap()), format!("{:?}", fixture::report()));
    }

    /// A disk that is full, or a run that is killed, leaves half a line.
    #[test]
    fn what_is_broken_is_named_by_its_line() {
        let text = lines();
        let line = |number: usize| text.lines().nth(number - 1).unwrap();
        let upto = |number: usize| text.lines().take(number).map(|line| format!("{line}\n")).collect::<String>();
        let half = format!("{}{}", upto(4), &line(5)[..100]);
        let twice = format!("{}{}", upto(3), line(1));
        let headless = format!("{}\n{}", line(1), line(5));
        let newer = line(1).replacen("\"schema_version\":2", "\"schema_version\":3", 1);
        let told: Vec<String> = [&*half, &upto(6), &twice, &headless, &newer, "hello", "", line(2)]
            .map(|text| dinov3_ground::hint::text(&read(text, false).unwrap_err()))
            .into();
        insta::assert_snapshot!(told.join("\n\n"));
    }

    #[test]
    fn part_of_a_run_is_reported_on_demand_and_does_not_pass() {
        let text = lines();
        let mut passing: Vec<&str> = text.lines().take(5).collect();
        let report = read(&passing.join("\n"), true).unwrap();
        assert_eq!((report.checks().count(), report.counts().passed, report.gate()), (1, 1, Gate::Fail));
        passing.push("{\"event\":\"check_fin");
        assert_eq!(format!("{:?}", read(&passing.join("\n"), true).unwrap()), format!("{report:?}"));
        for hopeless in ["", "hello", "{}"] {
            assert!(read(hopeless, true).is_err(), "{hopeless}");
        }
    }

    #[test]
    fn each_line_is_whole_when_it_is_written() {
        struct Whole(usize);
        impl Write for Whole {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                assert!(bytes.ends_with(b"\n") && bytes.iter().filter(|&&byte| byte == b'\n').count() == 1);
                self.0 += 1;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut lines = JsonLines::new(Whole(0));
        let events = fixture::events(&fixture::report());
        events.iter().for_each(|event| lines.event(event).unwrap());
        assert_eq!(lines.0.0, events.len());
    }
}
