//! `report`: renders the report of a finished run again.

use std::fs;
use std::path::Path;

use dinov3_compare::history::{FIGURES, history as followed, stored};
use dinov3_ground::{Hint, Words};
use dinov3_reports::{RunReport, events, exit, json};

use crate::cli::{HistoryArgs, ReportArgs, ReportCommand};
use crate::deliver::{Output, tell};
use crate::failure::{Result, refusal};

/// Reads the report or the events of a run and renders them, to the same bytes as the run itself would have written.
pub fn report(args: ReportArgs) -> Result<i32> {
    let ReportArgs { command, file, output, partial } = args;
    if let Some(ReportCommand::History(args)) = command {
        return history(args);
    }
    let output = Output::of(output)?;
    let file =
        file.ok_or_else(|| refusal("no report is named", "name the file that `run --report FILE.json` wrote"))?;
    let report = read(&file, partial)?;
    let mut terminal = output.terminal();
    if output.reports.is_empty() && output.format.is_none() {
        for event in events::of_report(&report) {
            tell(&mut terminal, &event)?;
        }
    }
    output.deliver(&report, &mut terminal)?;
    Ok(exit::PASS)
}

/// Follows figures over the reports of a folder.
fn history(args: HistoryArgs) -> Result<i32> {
    let HistoryArgs { folder, figure, output } = args;
    let output = Output::of(output)?;
    let keys = if figure.is_empty() { FIGURES.map(str::to_owned).to_vec() } else { figure };
    let stored = stored(&folder)?;
    let names = stored.iter().map(|it| it.name.clone()).collect();
    let report = super::compare::report(followed(&stored, &keys), names);
    let mut terminal = output.terminal();
    for event in events::of_report(&report) {
        tell(&mut terminal, &event)?;
    }
    output.deliver(&report, &mut terminal)?;
    Ok(exit::PASS)
}

/// Reads a JSON report, or the events of a run.
fn read(file: &Path, partial: bool) -> Result<RunReport> {
    let what = || Words::new(format!("`{}` cannot be reported", file.display()));
    let hint = "give a file that `run --report FILE.json` or `run --events FILE` wrote";
    let text = fs::read_to_string(file).map_err(|cause| what().hint(hint).because(cause))?;
    if events::are_events(&text) || text.is_empty() {
        let report = events::replay(text.as_bytes(), partial, &mut |_| Ok(()));
        return report.map_err(|error| what().hint(error.hints()).because(error).into());
    }
    json::from_json(&text).map_err(|error| what().hint(error.hints()).because(error).into())
}
