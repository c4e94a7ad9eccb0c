//! `report`: renders the report of a finished run again.

use std::fs;
use std::path::Path;

use dinov3_ground::{Hint, Words};
use dinov3_reports::{RunReport, events, exit, json};

use crate::cli::ReportArgs;
use crate::deliver::{Output, tell};
use crate::failure::Result;

/// Reads the report or the events of a run and renders them, to the same bytes as the run itself would have written.
pub fn report(args: ReportArgs) -> Result<i32> {
    let ReportArgs { file, output, partial } = args;
    let output = Output::of(output)?;
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
