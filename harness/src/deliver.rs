//! The destinations of a report.

use std::path::PathBuf;

use dinov3_ground::Words;
use dinov3_reports::message::Run;
use dinov3_reports::{Event, Format, Lang, Reporter, RunReport, Terminal, render, write_report};

use crate::cli::OutputArgs;
use crate::failure::Result;
use crate::{commands, destination};

/// The destinations of a report, and its language. Each file can be written, as far as can be told beforehand.
#[derive(Debug)]
pub struct Output {
    /// The files. Their endings give the formats.
    pub reports: Vec<PathBuf>,
    /// The format of the report on standard output.
    pub format: Option<Format>,
    /// The language.
    pub lang: Lang,
}

impl Output {
    /// The destinations that the arguments name.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn of(args: OutputArgs) -> Result<Self> {
        let OutputArgs { report: reports, format, lang } = args;
        for path in &reports {
            destination::check(path)?;
        }
        Ok(Self { reports, format, lang })
    }

    /// The terminal for people. It is standard error if the report goes to standard output.
    pub fn terminal(&self) -> Box<dyn Reporter> {
        let reported = !self.reports.is_empty() || self.format.is_some();
        match self.format {
            Some(_) => Box::new(Terminal::on_stderr(self.lang).beside_a_report(reported)),
            None => Box::new(Terminal::on_stdout(self.lang).beside_a_report(reported)),
        }
    }

    /// Writes and prints the report to all destinations. Tries all of them before it returns the first failure.
    ///
    /// # Errors
    /// If a file or standard output cannot be written.
    pub fn deliver(&self, report: &RunReport, terminal: &mut dyn Reporter) -> Result<()> {
        let mut delivered = Ok(());
        for path in &self.reports {
            let written = write_report(path, report, self.lang).map_err(Into::into);
            let note = Run::Written { file: path.display().to_string() };
            delivered = delivered.and(match written {
                Ok(()) => tell(terminal, &Event::Note { note: note.into() }),
                failed => failed,
            });
        }
        if let Some(format) = self.format {
            let text = render(report, format, self.lang)?;
            delivered = delivered.and(commands::print(&text));
        }
        delivered
    }
}

/// Hands an event to a reporter.
///
/// # Errors
/// If the reporter fails.
pub fn tell(reporter: &mut dyn Reporter, event: &Event) -> Result<()> {
    reporter.event(event).map_err(|error| {
        Words::new("the results cannot be shown")
            .hint("see where the output is redirected to, and whether that disk is full")
            .because(error)
            .into()
    })
}
