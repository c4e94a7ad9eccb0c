//! `compare`: lays runs beside each other and beside what was published.

use dinov3_compare::{CompareError, Options, Side, compare as laid, read};
use dinov3_reports::message::Pen;
use dinov3_reports::published::ROWS;
use dinov3_reports::{Judged, RunReport, SuiteResult, events};
use dinov3_torch::device::Device;

use crate::cli::CompareArgs;
use crate::deliver::{Output, tell};
use crate::environment;
use crate::failure::Result;

/// Compares, reports, and gives the exit code of the gate.
pub fn compare(args: CompareArgs) -> Result<i32> {
    let CompareArgs { runs, spread, steps, margin, output } = args;
    let output = Output::of(output)?;
    let sides: Result<Vec<Side>, CompareError> = named(runs).iter().map(|run| read(run)).collect();
    let sides = sides?;
    let names = sides.iter().map(|side| side.name.clone()).collect();
    let notes = sides.iter().flat_map(|side| side.remarks.clone()).collect();
    let losses = dinov3_compare::losses(steps, margin);
    let result = laid(sides, &Options { losses, spread: dinov3_compare::logs(&spread)? });
    let report = RunReport { notes, ..report(result, names) };
    let mut terminal = output.terminal();
    for event in events::of_report(&report) {
        tell(&mut terminal, &event)?;
    }
    if output.reports.is_empty() && output.format.is_none() {
        let table = report.suites.iter().flat_map(|suite| &suite.sections).find_map(|section| section.table.as_ref());
        if let Some(table) = table {
            super::print_table(&table.text(output.lang, Pen::Plain, false))?;
        }
    }
    output.deliver(&report, &mut terminal)?;
    Ok(report.gate().exit_code())
}

/// The runs that were named; one alone stands behind the published rows.
fn named(runs: Vec<String>) -> Vec<String> {
    if runs.len() > 1 {
        return runs;
    }
    ROWS.iter().map(|row| row.name.to_owned()).chain(runs).collect()
}

/// A report of one suite about runs of these names, by this program on this machine.
pub fn report(result: SuiteResult, names: Vec<String>) -> RunReport {
    let mut environment = environment::environment(Judged::Runs { names }, Device::Cpu);
    environment.seconds = result.seconds;
    RunReport {
        tool: environment::tool(),
        environment,
        allow_vacuous: Vec::new(),
        complete: true,
        notes: Vec::new(),
        suites: vec![result],
    }
}
