//! One suite: its checks, the tensors that are not identical, and its tables and plots.

use super::figures::{self, FINDINGS_SHOWN, limit_of, measured};
use super::{Page, Pictures, escape::code, escape::url, table};
use crate::message::{Count, Label, Pen, Say};
use crate::{Check, Lang, Plot, RunReport, Section, SuiteResult, TextColumn, TextTable, number};

pub(super) fn suite(page: &mut Page, suite: &SuiteResult, report: &RunReport, pictures: Pictures<'_>) {
    page.block(format!("## {}", page.say(&Count::Suite(Pen::Markdown.text(&suite.name_and_group(page.lang))))));
    let proves = page.say(&suite.proves);
    page.says(&Count::Proves(proves.trim_end_matches(['.', '。']).to_owned()));
    if suite.checks.is_empty() {
        page.says(&Label::NoCheck);
    } else {
        page.block(table::table(&checks(suite, report, page.lang)));
    }
    // Those of checks that fail stand at the top.
    let remarked = suite.checks.iter().filter(|it| !it.findings.is_empty() && !report.gates_as_failure(it));
    for check in remarked {
        page.block(format!("{}{}", code(&check.id), page.lang.colon()));
        page.block(figures::findings(&check.findings[..check.findings.len().min(FINDINGS_SHOWN)], page.lang));
    }
    let differing = |check: &&Check| check.tensors.iter().any(|it| it.outcome != crate::message::Outcome::Identical);
    let differing: Vec<&Check> = suite.checks.iter().filter(differing).collect();
    if !differing.is_empty() {
        page.says(&Label::AboutTensors);
    }
    differing.into_iter().for_each(|check| figures::tensors(page, check));
    let (quiet, loud): (Vec<&Section>, Vec<&Section>) = suite.sections.iter().partition(|section| section.quiet);
    loud.into_iter().for_each(|section| show(page, section, pictures));
    if !quiet.is_empty() {
        let summary = Count::QuietSections(quiet.len()).say(page.lang, Pen::Plain);
        page.details(&summary, |page| {
            quiet.iter().for_each(|section| match &section.plot {
                Some(plot) => picture(page, plot, pictures),
                None => page.says(&section.title),
            });
        });
    }
}

/// The summary of a suite: a row a check.
fn checks(suite: &SuiteResult, report: &RunReport, lang: Lang) -> TextTable {
    let label = |label: Label| label.say(lang, Pen::Markdown);
    let mut rows = TextTable::new([
        TextColumn::left(label(Label::Verdict)),
        TextColumn::left(label(Label::Check)),
        TextColumn::left(label(Label::Result)),
        TextColumn::left(label(Label::Measured)),
        TextColumn::right(label(Label::Limit)),
        TextColumn::right(label(Label::Time)),
    ]);
    for check in &suite.checks {
        let figure = check.figures.first();
        rows.push([
            verdict(check, report.gates_as_failure(check), lang),
            figures::id(check),
            check.line().map_or_else(String::new, |line| line.say(lang, Pen::Markdown)),
            figure.map_or_else(String::new, |figure| measured(figure, lang, Pen::Markdown)),
            figure.map_or_else(String::new, |figure| limit_of(figure, lang, Pen::Markdown)),
            number::duration(check.seconds),
        ]);
    }
    rows
}

/// What makes the run fail is in capitals, or, where there are none, in bold.
fn verdict(check: &Check, fails: bool, lang: Lang) -> String {
    let verdict = figures::verdict(check).say(lang, Pen::Markdown);
    match (fails, lang) {
        (false, _) => verdict,
        (true, Lang::En) => verdict.to_uppercase(),
        (true, Lang::Zh) => format!("**{verdict}**"),
    }
}

fn show(page: &mut Page, section: &Section, pictures: Pictures<'_>) {
    page.block(format!("### {}", page.say(&section.title)));
    if let Some(words) = &section.text {
        page.says(words);
    }
    if let Some(plot) = &section.plot {
        picture(page, plot, pictures);
    }
    let Some(rows) = &section.table else { return };
    let (shown, quiet) = (rows.text(page.lang, Pen::Markdown, true), rows.quiet_rows());
    let fill = |page: &mut Page| {
        if !shown.rows.is_empty() || quiet == 0 {
            page.block(table::table(&shown));
        }
        if quiet > 0 {
            page.says(&Count::QuietRows { left_out: quiet, of: rows.rows.len() });
        }
    };
    match section.collapsed {
        true => {
            let title = section.title.plain(page.lang);
            let count = Count::Rows(shown.rows.len()).say(page.lang, Pen::Plain);
            let (open, close) = (page.lang.of(" (", "（"), page.lang.of(")", "）"));
            page.details(&format!("{title}{open}{count}{close}"), fill);
        }
        false => fill(page),
    }
}

fn picture(page: &mut Page, plot: &Plot, pictures: Pictures<'_>) {
    let file = pictures.files.iter().find(|file| std::ptr::eq(file.plot, plot));
    let title = page.say(&plot.title);
    match (file, pictures.folder) {
        (Some(file), Some(folder)) => {
            page.block(format!("![{title}]({})", url(&format!("{folder}/{}", file.name))));
        }
        _ => page.says(&Count::NotDrawn(title)),
    }
}

/// The errors of a failing check's tensors, where they are drawn.
pub(super) fn growth(page: &mut Page, check: &Check, pictures: Pictures<'_>) {
    let file = pictures.growths.iter().find(|(_, growth)| std::ptr::eq(growth.check(), check));
    if let (Some((name, growth)), Some(folder)) = (file, pictures.folder) {
        let title = growth.title(page.lang, Pen::Markdown);
        page.block(format!("![{title}]({})", url(&format!("{folder}/{name}"))));
    }
}
