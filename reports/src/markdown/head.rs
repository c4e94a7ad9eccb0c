//! What comes first: what was judged, how much of it, what that means, and what failed.

use super::Page;
use super::escape::code;
use super::figures::{self, FINDINGS_SHOWN};
use super::table;
use crate::message::{Count, Heading, Label, Pen, Say, Tally};
use crate::{Environment, Gate, Lang, RunReport, SuiteResult, TextColumn, TextTable};

/// The verdict, and a table with a row a suite.
pub(super) fn head(page: &mut Page, report: &RunReport) {
    let gate = page.say(&report.gate().label());
    let colon = page.lang.colon();
    page.block(format!("# {}{colon}{gate}", Pen::Markdown.text(&report.tool.name)));
    page.block(format!("**{}**", report.counts().in_time(report.environment.seconds, page.lang)));
    if let Some(why) = report.why_shut() {
        page.says(&Count::CountsAsFailed(why));
    }
    super::brief::brief(page, report);
    page.heading("##", Label::Summary);
    let judged = page.say(&report.environment.judged);
    page.says(&Count::Judged(judged));
    if report.suites.is_empty() {
        return;
    }
    page.block(table::table(&suites(report, page.lang)));
    meaning(page, report);
}

/// One row a suite: its verdict, and what became of its checks and tensors.
fn suites(report: &RunReport, lang: Lang) -> TextTable {
    let label = |label: Label| label.say(lang, Pen::Markdown);
    let heading = |heading: Heading| TextColumn::right(heading.say(lang, Pen::Markdown));
    let mut rows = TextTable::new([
        TextColumn::left(label(Label::Suite)),
        TextColumn::left(label(Label::Verdict)),
        TextColumn::left(label(Label::Checks)),
        heading(Heading::Tensors),
        heading(Heading::Identical),
        heading(Heading::Within),
        heading(Heading::Wrong),
        heading(Heading::NotObserved),
        heading(Heading::NotJudged),
    ]);
    for suite in &report.suites {
        let tally = tally(suite);
        let fails = suite.checks.iter().any(|check| report.gates_as_failure(check));
        let passed = suite.counts().passed > 0;
        let verdict = label(match (fails, passed) {
            (true, _) => Label::RunFail,
            (false, true) => Label::RunPass,
            (false, false) => Label::Skipped,
        });
        let wrong = tally.failing();
        let unseen = tally.missing + tally.waived;
        let all = tally.tensors() + tally.unexpected;
        let numbers = [all, tally.identical, tally.within, wrong, unseen, tally.not_judged];
        let numbers = match suite.checks.iter().any(|check| !check.tensors.is_empty()) {
            true => numbers.map(|number| number.to_string()),
            false => numbers.map(|_| "-".to_owned()),
        };
        let checks = suite.counts().say(lang, Pen::Markdown);
        rows.push([code(&suite.suite), verdict, checks].into_iter().chain(numbers));
    }
    rows
}

fn tally(suite: &SuiteResult) -> Tally {
    Tally::of(suite.checks.iter().flat_map(|check| &check.tensors))
}

/// What the figures entitle one to say.
fn meaning(page: &mut Page, report: &RunReport) {
    let tally = Tally::of(report.checks().flat_map(|check| &check.tensors));
    let tensors = tally.tensors() + tally.unexpected;
    if tensors > 0 {
        let (wrong, identical, unseen) = (tally.failing(), tally.identical, tally.missing + tally.waived);
        match report.gate() {
            _ if wrong > 0 => page.says(&Count::SomeWrong { wrong, tensors }),
            _ if unseen > 0 => page.says(&Count::NotAllObserved { missing: unseen, tensors }),
            Gate::Pass if identical == tensors => page.says(&Count::AllIdentical(tensors)),
            Gate::Pass if tally.not_judged == 0 => page.says(&Count::AllWithin { tensors, identical }),
            Gate::Pass => page.says(&Count::JudgedWithin { tensors, identical, not_judged: tally.not_judged }),
            // Why it counts as failed has been said.
            Gate::Fail => {}
        }
        page.says(&Label::Legend);
    }
    let counts = report.counts();
    if counts.skipped > 0 {
        page.says(&Count::NotMade { skipped: counts.skipped, checks: counts.total() });
    }
    let ran = report.suites.iter().filter(|suite| suite.looked());
    let names: Vec<String> = ran.map(|suite| suite.suite.clone()).collect();
    page.says(&Count::Ran(Pen::Markdown.names(&names, page.lang.of(", ", "、"))));
}

/// Everything that makes the run fail, ahead of everything else.
pub(super) fn failures(page: &mut Page, report: &RunReport, pictures: super::Pictures<'_>) {
    let failures: Vec<_> = report.checks().filter(|check| report.gates_as_failure(check)).collect();
    if failures.is_empty() {
        return;
    }
    page.heading("##", Label::WhatFailed);
    for check in failures {
        page.block(format!("### {}", code(&check.id)));
        let reason = check.verdict.reason().map_or_else(String::new, |reason| page.say(reason));
        let verdict = page.say(&figures::verdict(check));
        let (colon, comma) = (page.lang.colon(), page.lang.of(", ", "，"));
        page.block(format!("{}{colon}**{verdict}**{comma}{reason}", page.say(&check.title)));
        if let Some(summary) = &check.summary {
            page.says(summary);
        }
        super::suite::growth(page, check, pictures);
        if !check.figures.is_empty() {
            page.block(figures::all(check, page.lang));
        }
        let (shown, folded) = check.findings.split_at(check.findings.len().min(FINDINGS_SHOWN));
        if !shown.is_empty() {
            page.block(figures::findings(shown, page.lang));
        }
        if !folded.is_empty() {
            let summary = Count::Beyond(folded.len()).say(page.lang, Pen::Plain);
            page.details(&summary, |page| page.block(figures::findings(folded, page.lang)));
        }
    }
}

/// What there was to remark.
pub(super) fn notes(page: &mut Page, report: &RunReport) {
    if !report.notes.is_empty() {
        page.heading("##", Label::Notes);
        // What continues a list item is indented under its text.
        let note = |note| format!("* {}\n", page.say(note).replace('\n', "\n  "));
        let list: String = report.notes.iter().map(|it| note(it)).collect();
        page.block(list);
    }
}

/// What `doctor` finds wrong or missing, with the fix.
pub(super) fn unwell(page: &mut Page, report: &RunReport) {
    let bad = report.environment.doctor.iter().filter(|line| line.state().is_bad());
    let colon = page.lang.colon();
    let list: String = bad
        .map(|line| {
            let (found, fix) = (line.found(page.lang, Pen::Markdown), line.fix(page.lang, Pen::Markdown));
            let fix = fix.map_or_else(String::new, |fix| format!("\n  {}{colon}{fix}", page.say(&Label::Fix)));
            format!("* {} {}{colon}{found}{fix}\n", code(line.item()), line.state().word(page.lang))
        })
        .collect();
    if !list.is_empty() {
        page.says(&Label::Unwell);
        page.block(list);
    }
}

/// Every line of `doctor`.
pub(super) fn doctor(report: &RunReport, lang: Lang) -> TextTable {
    let heads = [Label::DoctorState, Label::DoctorItem, Label::DoctorFound, Label::Fix];
    let mut rows = TextTable::new(heads.map(|label| TextColumn::left(label.say(lang, Pen::Markdown))));
    for line in &report.environment.doctor {
        let fix = line.fix(lang, Pen::Markdown).unwrap_or_default();
        rows.push([line.state().word(lang).to_owned(), code(line.item()), line.found(lang, Pen::Markdown), fix]);
    }
    rows
}

/// What the run ran on.
pub(crate) fn environment(report: &RunReport, lang: Lang, pen: Pen) -> TextTable {
    let Environment { libtorch, cpu, cpu_capability, threads, os, architecture, pins, started, .. } =
        &report.environment;
    let label = |label: Label| label.say(lang, pen);
    let text = |text: &str| pen.text(text);
    let mut rows = TextTable::new([
        TextColumn::left(label(Label::EnvironmentHead)),
        TextColumn::left(label(Label::EnvironmentValue)),
    ]);
    let unknown = label(Label::Unknown);
    rows.push([text(&report.tool.name), text(&report.tool.version)]);
    rows.push([label(Label::Revision), report.tool.revision.as_deref().map_or(unknown, text)]);
    rows.push(["libtorch".to_owned(), text(libtorch)]);
    rows.push([label(Label::Cpu), text(cpu)]);
    rows.push([label(Label::InstructionSet), text(cpu_capability)]);
    rows.push([label(Label::Threads), threads.to_string()]);
    rows.push([label(Label::System), text(&format!("{os} {architecture}"))]);
    for (name, value) in pins {
        rows.push([text(name), text(value)]);
    }
    if let Some(started) = started {
        rows.push([label(Label::Started), text(started)]);
    }
    if !report.allow_vacuous.is_empty() {
        rows.push([label(Label::AllowedChecks), pen.names(&report.allow_vacuous, lang.of(", ", "、"))]);
    }
    rows
}
