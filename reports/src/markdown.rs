//! The report to hand to a colleague, as GitHub-flavoured markdown that also reads well raw.

mod escape;
mod table;

use crate::svg::{self, PlotFile};
use crate::{Check, Column, Environment, Finding, RunReport, Section, SuiteResult, Table, number};
use escape::{code, html, text, url};

/// Findings of one check that are shown at once; more are folded away.
const FINDINGS_SHOWN: usize = 10;

/// The report: overall verdict, what went wrong, environment, then each suite with its checks, tables and plots.
///
/// `images` is the folder, relative to the report's file and with `/` between its parts, where the pictures of
/// [`svg::plot_files`] lie. Without one a line of text stands for each plot.
pub fn markdown(report: &RunReport, images: Option<&str>) -> String {
    let mut page = Page::default();
    head(&mut page, report);
    failures(&mut page, report);
    page.block("## Environment");
    page.block(table::table(&environment(report)));
    let files = svg::plot_files(report);
    for suite in &report.suites {
        suite_part(&mut page, suite, report, &files, images);
    }
    page.0
}

/// Blocks with one empty line between them.
#[derive(Default)]
struct Page(String);

impl Page {
    fn block(&mut self, block: impl AsRef<str>) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(block.as_ref().trim_end_matches('\n'));
        self.0.push('\n');
    }

    /// The blocks that `fill` writes, folded away under `summary`.
    fn details(&mut self, summary: &str, fill: impl FnOnce(&mut Self)) {
        self.block(format!("<details><summary>{}</summary>", html(summary)));
        fill(self);
        self.block("</details>");
    }
}

fn head(page: &mut Page, report: &RunReport) {
    let gate = report.gate();
    page.block(format!("# {}: {gate}", text(&report.tool.name)));
    let counts = report.counts();
    page.block(format!("**{}**", counts.in_time(report.environment.seconds)));
    if let Some(reason) = counts.why_shut(gate) {
        page.block(format!("The run counts as failed: {reason}."));
    }
}

/// Everything that makes the run fail, ahead of everything else.
fn failures(page: &mut Page, report: &RunReport) {
    let failures: Vec<_> = report.checks().filter(|check| report.gates_as_failure(check)).collect();
    if failures.is_empty() {
        return;
    }
    page.block("## What failed");
    for check in failures {
        page.block(format!("### {}", code(&check.id)));
        let reason = check.verdict.reason().unwrap_or_default();
        page.block(format!("{}: **{}**, {}", text(&check.title), check.verdict.name(), text(reason)));
        if let (Some(figure), Some(limit)) = (&check.figure, &check.limit) {
            page.block(format!("Measured {}, limit {}.", text(&figure.to_string()), text(&limit.to_string())));
        }
        let (shown, folded) = check.findings.split_at(check.findings.len().min(FINDINGS_SHOWN));
        if !shown.is_empty() {
            page.block(findings(shown));
        }
        if !folded.is_empty() {
            page.details(&format!("{} more findings", folded.len()), |page| page.block(findings(folded)));
        }
    }
}

fn findings(findings: &[Finding]) -> String {
    let mut list = String::new();
    for finding in findings {
        // What continues a list item is indented under its text.
        list.push_str(&format!("* {}: {}\n", code(&finding.subject), text(&finding.text).replace('\n', "\n  ")));
        if let Some(hint) = &finding.hint {
            list.push_str(&format!("  *hint:* {}\n", text(hint).replace('\n', "\n  ")));
        }
    }
    list
}

fn environment(report: &RunReport) -> Table {
    let Environment { libtorch, device, cpu, cpu_capability, threads, os, architecture, pins, started, seconds: _ } =
        &report.environment;
    let mut rows = Table::new([Column::left("environment"), Column::left("")]);
    rows.push([report.tool.name.clone(), report.tool.version.clone()]);
    rows.push(["revision", report.tool.revision.as_deref().unwrap_or("unknown")]);
    rows.push(["libtorch", libtorch]);
    rows.push(["device", device]);
    rows.push(["CPU", cpu]);
    rows.push(["instruction set", cpu_capability]);
    rows.push(["threads".to_owned(), threads.to_string()]);
    rows.push(["system".to_owned(), format!("{os} {architecture}")]);
    for (name, value) in pins {
        rows.push([name, value]);
    }
    if let Some(started) = started {
        rows.push(["started", started]);
    }
    if !report.allow_vacuous.is_empty() {
        rows.push(["vacuous checks allowed".to_owned(), report.allow_vacuous.join(", ")]);
    }
    rows
}

fn suite_part(page: &mut Page, suite: &SuiteResult, report: &RunReport, files: &[PlotFile<'_>], images: Option<&str>) {
    page.block(format!("## Suite {}", text(&suite.name_and_group())));
    page.block(text(&format!("Proves: {}.", suite.proves.trim_end_matches('.'))));
    if suite.checks.is_empty() {
        page.block("No check ran.");
    } else {
        page.block(table::table(&checks(suite, report)));
    }
    for section in &suite.sections {
        section_part(page, section, files, images);
    }
}

/// The summary of a suite: a row a check.
fn checks(suite: &SuiteResult, report: &RunReport) -> Table {
    let mut rows = Table::new([
        Column::left("verdict"),
        Column::left("check"),
        Column::left("result"),
        Column::right("measured"),
        Column::right("limit"),
        Column::right("time"),
    ]);
    let quantity = |quantity: &Option<crate::Quantity>| quantity.as_ref().map(ToString::to_string).unwrap_or_default();
    for check in &suite.checks {
        rows.push([
            verdict(check, report.gates_as_failure(check)),
            code(&check.id),
            check.line().to_owned(),
            quantity(&check.figure),
            quantity(&check.limit),
            number::duration(check.seconds),
        ]);
    }
    rows
}

/// What makes the run fail is in capitals.
fn verdict(check: &Check, fails: bool) -> String {
    match fails {
        true => check.verdict.name().to_uppercase(),
        false => check.verdict.name().to_owned(),
    }
}

fn section_part(page: &mut Page, section: &Section, files: &[PlotFile<'_>], images: Option<&str>) {
    page.block(format!("### {}", text(&section.title)));
    if let Some(words) = &section.text {
        page.block(text(words));
    }
    if let Some(plot) = &section.plot {
        let file = files.iter().find(|file| std::ptr::eq(file.plot, plot));
        match (file, images) {
            (Some(file), Some(folder)) => {
                page.block(format!("![{}]({})", text(&plot.title), url(&format!("{folder}/{}", file.name))));
            }
            _ => page.block(format!("Plot: {} (drawn in a report that is written to a file)", text(&plot.title))),
        }
    }
    if let Some(rows) = &section.table {
        match section.collapsed {
            true => page.details(&format!("{} ({} rows)", section.title, rows.rows.len()), |page| {
                page.block(table::table(rows));
            }),
            false => page.block(table::table(rows)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Verdict, fixture};

    #[test]
    fn a_report_with_pictures() {
        insta::assert_snapshot!(markdown(&fixture::report(), Some("my report_files")));
    }

    #[test]
    fn a_report_without_pictures_says_so() {
        let text = markdown(&fixture::report(), None);
        assert!(!text.contains("!["));
        assert!(text.contains("Plot: Error growth of vit_small, fp32 (drawn in"), "{text}");
    }

    #[test]
    fn a_passing_report_lists_no_failures() {
        let mut report = fixture::report();
        report.suites[0].checks.remove(1);
        report.allow_vacuous = vec!["reduce_op/premul_sum".to_owned()];
        let text = markdown(&report, None);
        assert!(text.starts_with("# dinov3-harness: PASS\n"), "{text}");
        assert!(!text.contains("What failed"), "{text}");
        assert!(text.contains("vacuous checks allowed"), "{text}");
    }

    #[test]
    fn many_findings_are_folded() {
        let mut report = fixture::report();
        let findings = &mut report.suites[0].checks[1].findings;
        let last = findings[2].clone();
        findings.resize(FINDINGS_SHOWN + 3, last);
        let text = markdown(&report, None);
        assert!(text.contains("<details><summary>3 more findings</summary>\n\n* `"), "{text}");
    }

    #[test]
    fn a_run_that_proved_nothing_says_so() {
        let mut report = fixture::report();
        report.suites.truncate(1);
        report.suites[0].checks.drain(..2);
        assert!(matches!(report.suites[0].checks[..], [Check { verdict: Verdict::Skipped { .. }, .. }]));
        let text = markdown(&report, None);
        assert!(text.contains("The run counts as failed: nothing passed, so nothing was proved."), "{text}");
    }
}
