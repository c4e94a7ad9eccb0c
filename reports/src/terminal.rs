//! The reporter for a person at a terminal: a line a check, and a progress bar for the one that runs.
//!
//! Colours are written always and taken away by the stream where nobody sees them (a pipe, `NO_COLOR`); the bar draws on
//! standard error, and only if that is a terminal. What is written is readable without either.

mod line;
mod progress;
mod table;

pub use table::table;

use crate::message::{Pen, Say};
use crate::{Check, Counts, Event, Gate, Lang, Reporter, Subject, Verdict, ignore_broken_pipe, width};
use indicatif::ProgressDrawTarget;
use line::Manner;
use progress::Progress;
use std::io::{self, Write};

/// From so many checks on, the failed ones are listed once more below the count: their lines have scrolled away.
const RECAP_FROM: usize = 20;

/// Shows a run as it happens.
pub struct Terminal<W> {
    output: W,
    manner: Manner,
    progress: Progress,
    counts: Counts,
    /// Columns that an id takes: the longest so far, so that the summaries line up.
    id_width: usize,
    /// Checks that the running suite has announced, and how many of them are over.
    planned: usize,
    finished: usize,
    failed: Vec<String>,
    /// Checks that were skipped or vacuous one after another, for the same reason: they share a line.
    alike: Vec<Check>,
    /// Columns of the screen; lines are wrapped between words to fit. None, as for a pipe: they are not.
    columns: Option<usize>,
    /// Whose tensors were judged last, of recordings.
    subject: Option<Subject>,
}

impl Terminal<anstream::Stderr> {
    /// Everything on standard error: for runs whose standard output carries data (`--format json`).
    pub fn on_stderr(lang: Lang) -> Self {
        Self::new(anstream::stderr(), ProgressDrawTarget::stderr(), lang)
    }
}

impl Terminal<anstream::Stdout> {
    /// Lines on standard output, the bar on standard error.
    pub fn on_stdout(lang: Lang) -> Self {
        Self::new(anstream::stdout(), ProgressDrawTarget::stderr(), lang)
    }
}

impl<W: Write> Terminal<W> {
    /// Lines to `output`, which gets ANSI colours: wrap it in an [`anstream::AutoStream`] unless that is wanted. The bar
    /// goes to `progress`; [`ProgressDrawTarget::hidden`] for none.
    pub fn new(output: W, progress: ProgressDrawTarget, lang: Lang) -> Self {
        Self {
            output,
            manner: Manner { lang, reported: false },
            progress: Progress::new(progress),
            counts: Counts::default(),
            id_width: 0,
            planned: 0,
            finished: 0,
            failed: Vec::new(),
            alike: Vec::new(),
            columns: None,
            subject: None,
        }
    }

    /// The same, where a report will have the findings that are not shown here.
    #[must_use]
    pub fn beside_a_report(mut self, reported: bool) -> Self {
        self.manner.reported = reported;
        self
    }

    /// The same, on a screen of so many columns: lines are wrapped between words.
    #[must_use]
    pub fn within(mut self, columns: Option<usize>) -> Self {
        self.columns = columns;
        self
    }

    /// The writer, with everything that has been written.
    pub fn into_output(self) -> W {
        self.output
    }

    /// Writes whole lines, the bar out of the way meanwhile.
    fn lines(&mut self, text: &str) -> io::Result<()> {
        let wrapped = self.columns.map(|columns| width::wrapped(text, columns));
        let (output, text) = (&mut self.output, wrapped.as_deref().unwrap_or(text));
        self.progress.suspend(|| {
            output.write_all(text.as_bytes())?;
            output.flush()
        })
    }

    fn suite_started(&mut self, suite: &str, planned: &[String]) -> io::Result<()> {
        self.id_width = planned.iter().map(|id| width::width(id)).max().unwrap_or(0);
        self.planned = planned.len();
        self.finished = 0;
        self.lines(&line::suite(suite, planned.len(), self.manner))
    }

    fn check_finished(&mut self, check: &Check) -> io::Result<()> {
        self.progress.clear();
        self.finished += 1;
        self.counts.add(&check.verdict);
        if matches!(check.verdict, Verdict::Skipped { .. } | Verdict::Vacuous { .. }) {
            if self.alike.first().is_some_and(|first| first.verdict != check.verdict) {
                self.flush()?;
            }
            self.alike.push(check.clone());
            return Ok(());
        }
        self.flush()?;
        let recorded = check.judged.as_deref().filter(|it| it.folder.is_some());
        if let Some(subject) =
            recorded.filter(|subject| !self.subject.as_ref().is_some_and(|last| alike(last, subject)))
        {
            self.subject = Some(subject.clone());
            self.lines(&line::who(subject, self.manner))?;
        }
        self.id_width = self.id_width.max(width::width(&check.id));
        let line = line::check(check, self.id_width, self.manner);
        if matches!(check.verdict, Verdict::Fail { .. } | Verdict::Error { .. }) {
            self.failed.push(line.clone());
        }
        let details = line::details(check, self.manner);
        self.lines(&format!("{line}{details}"))
    }

    /// Shows the checks that share a line.
    fn flush(&mut self) -> io::Result<()> {
        let text = match std::mem::take(&mut self.alike).as_slice() {
            [] => return Ok(()),
            [one] => line::check(one, self.id_width, self.manner),
            several => line::alike(several, self.manner),
        };
        self.lines(&text)
    }

    fn run_finished(&mut self, gate: Gate, seconds: f64) -> io::Result<()> {
        let mut text = format!("\n{}", line::count(&self.counts, gate, seconds, self.manner));
        if self.counts.total() >= RECAP_FROM {
            text.extend(self.failed.drain(..));
        }
        self.lines(&text)
    }
}

/// Whether two recordings were made alike: all that a line says of them is the same.
fn alike(a: &Subject, b: &Subject) -> bool {
    a.say(Lang::En, Pen::Plain) == b.say(Lang::En, Pen::Plain)
}

impl<W: Write> Reporter for Terminal<W> {
    /// A closed pipe is no error.
    fn event(&mut self, event: &Event) -> io::Result<()> {
        ignore_broken_pipe(match event {
            Event::RunStarted { tool, environment, .. } => self.lines(&line::run(tool, environment, self.manner)),
            Event::SuiteStarted { suite, group, proves: _, planned } => {
                let name = crate::report::name_and_group(suite, group.as_deref(), self.manner.lang);
                self.suite_started(&name, planned)
            }
            Event::CheckStarted { id, title: _, steps } => {
                self.progress.start(id, *steps, self.finished + 1, self.planned);
                Ok(())
            }
            Event::Progress { done } => {
                self.progress.done(*done);
                Ok(())
            }
            Event::CheckFinished { check } => self.check_finished(check),
            Event::SuiteFinished { .. } => {
                self.progress.clear();
                self.flush()
            }
            Event::Note { note } => self.lines(&line::note(note, self.manner)),
            Event::RunFinished { gate, threads: _, seconds } => {
                self.progress.clear();
                self.run_finished(*gate, *seconds)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;
    use crate::fixture::{self, Refuses};

    /// What the events write, without colour.
    fn plain(events: &[Event]) -> String {
        anstream::adapter::strip_str(&coloured(events, Lang::En)).to_string()
    }

    fn coloured(events: &[Event], lang: Lang) -> String {
        let mut terminal = Terminal::new(Vec::new(), ProgressDrawTarget::hidden(), lang);
        for event in events {
            terminal.event(event).unwrap();
        }
        String::from_utf8(terminal.into_output()).unwrap()
    }

    #[test]
    fn a_run() {
        insta::assert_snapshot!(plain(&fixture::events(&fixture::report())));
    }

    #[test]
    fn a_run_in_chinese() {
        let text = coloured(&fixture::events(&fixture::report()), Lang::Zh);
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string());
    }

    #[test]
    fn what_is_not_shown_is_where_it_is_said_to_be() {
        let mut terminal = Terminal::new(Vec::new(), ProgressDrawTarget::hidden(), Lang::En).beside_a_report(true);
        fixture::events(&fixture::report()).iter().for_each(|event| terminal.event(event).unwrap());
        let text = String::from_utf8(terminal.into_output()).unwrap();
        assert!(text.contains("and 2 more findings in the report"), "{text}");
    }

    #[test]
    fn a_long_run_repeats_its_failures() {
        let mut report = fixture::report();
        report.suites.truncate(1);
        let pass = report.suites[0].checks[0].clone();
        report.suites[0].checks.resize(RECAP_FROM, pass);
        let text = plain(&fixture::events(&report));
        let (_, below) = text.split_once("18 passed").unwrap();
        assert!(below.contains("FAIL [    1.20 s] layers/vit_small/fp32"), "{below}");
    }

    #[test]
    fn colours_vanish_in_a_pipe() {
        let events = fixture::events(&fixture::report());
        assert!(coloured(&events, Lang::En).contains('\u{1b}'));
        // What the constructors do, on a stream that is no terminal.
        let stream = anstream::AutoStream::auto(Vec::new());
        let mut terminal = Terminal::new(stream, ProgressDrawTarget::hidden(), Lang::En);
        events.iter().for_each(|event| terminal.event(event).unwrap());
        assert_eq!(String::from_utf8(terminal.into_output().into_inner()).unwrap(), plain(&events));
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is() {
        let mut closed = Terminal::new(Refuses(io::ErrorKind::BrokenPipe), ProgressDrawTarget::hidden(), Lang::En);
        let mut full = Terminal::new(Refuses(io::ErrorKind::StorageFull), ProgressDrawTarget::hidden(), Lang::En);
        for event in fixture::events(&fixture::report()) {
            closed.event(&event).unwrap();
        }
        assert!(full.event(&Event::Note { note: Message::name("text") }).is_err());
    }

    #[test]
    fn the_last_line_says_why_the_gate_is_shut() {
        let manner = Manner { lang: Lang::En, reported: false };
        let last =
            |counts: Counts| anstream::adapter::strip_str(&line::count(&counts, Gate::Fail, 1.0, manner)).to_string();
        insta::assert_snapshot!([
            last(Counts { passed: 3, failed: 1, ..Counts::default() }),
            last(Counts { passed: 3, vacuous: 1, ..Counts::default() }),
            last(Counts { skipped: 2, ..Counts::default() }),
        ].concat(), @"
        FAIL 3 passed, 1 failed in 1.00 s
        FAIL 3 passed, 1 vacuous in 1.00 s
             a vacuous check counts as a failure unless it is allowed by name: --allow-vacuous CHECK
        FAIL 0 passed, 2 skipped in 1.00 s
             nothing passed, so nothing was proved
        ");
    }
}
