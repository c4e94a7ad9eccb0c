//! The destinations of a report.

use std::path::PathBuf;

use dinov3_ground::Words;
use dinov3_reports::message::Run;
use dinov3_reports::write::WriteError;
use dinov3_reports::{Event, Format, Lang, Reporter, RunReport, Terminal, render, write_report};

use crate::cli::OutputArgs;
use crate::failure::Result;
use crate::{commands, destination};

/// The destinations of a report, and its language. Each file can be written, as far as can be told beforehand.
#[derive(Clone, Debug)]
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
        let output = Self::unchecked(args);
        for path in &output.reports {
            destination::check(path)?;
        }
        Ok(output)
    }

    /// The same, whether or not the files can be written.
    pub fn unchecked(args: OutputArgs) -> Self {
        let OutputArgs { report, format, lang } = args;
        let mut reports: Vec<PathBuf> = Vec::new();
        for path in report {
            if !reports.contains(&path) {
                reports.push(path);
            }
        }
        Self { reports, format, lang }
    }

    /// Whether a report will have the findings that the terminal does not show.
    fn has_findings(&self) -> bool {
        let of_files = self.reports.iter().filter_map(|path| Format::of_path(path));
        of_files.chain(self.format).any(|format| format.renderer().has_findings())
    }

    /// Writes the report to each file, and gives the files with what came of it.
    pub fn write(&self, report: &RunReport) -> Vec<(PathBuf, Result<(), WriteError>)> {
        self.reports.iter().map(|path| (path.clone(), write_report(path, report, self.lang))).collect()
    }

    /// Delivers the report of a run that did not come to its end. What fails must not hide the reason of that.
    pub fn deliver_quietly(&self, report: &RunReport) {
        let _ = self.write(report);
        if let Some(bytes) = self.format.and_then(|format| render(report, format, self.lang).ok()) {
            let _ = commands::print_bytes(&bytes);
        }
    }

    /// The terminal for people. It is standard error if the report goes to standard output.
    pub fn terminal(&self) -> Box<dyn Reporter + Send> {
        let reported = self.has_findings();
        let columns =
            |size: Option<(terminal_size::Width, terminal_size::Height)>| size.map(|(width, _)| width.0.into());
        match self.format {
            Some(_) => {
                let size = terminal_size::terminal_size_of(std::io::stderr());
                Box::new(Terminal::on_stderr(self.lang).beside_a_report(reported).within(columns(size)))
            }
            None => {
                let size = terminal_size::terminal_size_of(std::io::stdout());
                Box::new(Terminal::on_stdout(self.lang).beside_a_report(reported).within(columns(size)))
            }
        }
    }

    /// Writes and prints the report to all destinations. Tries all of them before it returns the first failure.
    ///
    /// # Errors
    /// If a file or standard output cannot be written.
    pub fn deliver(&self, report: &RunReport, terminal: &mut dyn Reporter) -> Result<()> {
        let mut delivered = Ok(());
        for (path, written) in self.write(report) {
            let written = written.map_err(Into::into);
            let note = Run::Written { file: path.display().to_string() };
            delivered = delivered.and(match written {
                Ok(()) => tell(terminal, &Event::Note { note: note.into() }),
                failed => failed,
            });
        }
        if let Some(format) = self.format {
            let bytes = render(report, format, self.lang)?;
            delivered = delivered.and(commands::print_bytes(&bytes));
        }
        delivered
    }
}

/// Hands an event to a reporter.
///
/// # Errors
/// If the reporter fails.
pub fn tell(reporter: &mut dyn Reporter, event: &Event) -> Result<()> {
    shown(reporter.event(event))
}

/// What a reporter gave, or the error of the output that it writes to.
///
/// # Errors
/// If the reporter failed.
pub fn shown<T>(result: std::io::Result<T>) -> Result<T> {
    result.map_err(|error| {
        Words::new("the results cannot be shown")
            .hint("see where the output is redirected to, and whether that disk is full")
            .because(error)
            .into()
    })
}
