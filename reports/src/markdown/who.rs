//! Who was judged, apart from who judges.

use super::Page;
use super::escape::code;
use super::table as page_table;
use crate::message::{Count, Label, Pen, Say};
use crate::{Check, Code, Lang, RunReport, Subject, TextColumn, TextTable};

/// Checks of one subject that are named; more are counted.
const NAMED: usize = 6;

/// Who was judged: a row for each that differs from the others in anything but the manifest.
pub(super) fn judged(page: &mut Page, report: &RunReport) {
    let groups = groups(report);
    if groups.is_empty() {
        return;
    }
    page.heading("##", Label::WhoWasJudged);
    page.block(page_table::table(&subjects(&groups, page.lang, Pen::Markdown)));
    changes(page, &groups);
    let hashes = hashes(report, page.lang);
    if !hashes.rows.is_empty() {
        let summary = Label::Hashes.say(page.lang, Pen::Plain);
        page.details(&summary, |page| page.block(page_table::table(&hashes)));
    }
}

/// The same as a table for another page; without rows where no check says whose tensors it judged.
pub(crate) fn table(report: &RunReport, lang: Lang, pen: Pen) -> TextTable {
    subjects(&groups(report), lang, pen)
}

/// Subjects that are alike, and the checks of each.
fn groups(report: &RunReport) -> Vec<(&Subject, Vec<&Check>)> {
    let mut groups: Vec<(&Subject, Vec<&Check>)> = Vec::new();
    for check in report.checks() {
        let Some(subject) = check.judged.as_deref() else { continue };
        match groups.iter_mut().find(|(known, _)| alike(known, subject)) {
            Some((_, checks)) => checks.push(check),
            None => groups.push((subject, vec![check])),
        }
    }
    groups
}

/// Whether all that a row shows is the same.
fn alike(a: &Subject, b: &Subject) -> bool {
    let shown = |it: &Subject| Subject { folder: None, manifest: None, ..it.clone() };
    a.folder.is_some() == b.folder.is_some() && shown(a) == shown(b)
}

fn subjects(groups: &[(&Subject, Vec<&Check>)], lang: Lang, pen: Pen) -> TextTable {
    let head = [
        Label::JudgedSets,
        Label::Device,
        Label::Torch,
        Label::Processor,
        Label::Pins,
        Label::Threads,
        Label::Ranks,
        Label::Recorded,
        Label::Code,
    ];
    let mut rows = TextTable::new(head.map(|label| TextColumn::left(label.say(lang, pen))));
    let said = |label: Label| label.say(lang, pen);
    for (subject, checks) in groups {
        let recorded = subject.folder.is_some();
        let absent = || if recorded { said(Label::NotSaid) } else { "-".to_owned() };
        let pins = if subject.pins.is_empty() { said(Label::NoPins) } else { pen.text(&subject.pinned()) };
        rows.push([
            names(checks, lang, pen),
            pen.text(&subject.device),
            pen.text(&subject.torch),
            pen.text(&subject.processor()),
            pins,
            subject.threads.to_string(),
            subject.ranks.say(lang, pen),
            subject.recorded.as_deref().map_or_else(absent, |when| pen.text(when)),
            subject.code.as_ref().map_or_else(absent, |code| ran(code, subject.mode(), lang, pen)),
        ]);
    }
    rows
}

/// The code, and whether it ran as it is or compiled.
fn ran(code: &Code, mode: Option<&str>, lang: Lang, pen: Pen) -> String {
    let mode = mode.map_or_else(String::new, |mode| format!("{}{}", lang.of(", ", "，"), pen.text(mode)));
    format!("{}{mode}", code.say(lang, pen))
}

/// `micro/fp32, micro/bf16 and 3 more`.
fn names(checks: &[&Check], lang: Lang, pen: Pen) -> String {
    let name = |check: &&Check| match &check.golden {
        Some(golden) => format!("{}/{}", golden.set, golden.precision.name()),
        None => check.id.clone(),
    };
    let names: Vec<String> = checks.iter().take(NAMED).map(name).collect();
    let listed = pen.names(&names, lang.of(", ", "、"));
    match checks.len() - names.len() {
        0 => listed,
        more => format!("{listed} {}", Count::MoreNames(more).say(lang, pen)),
    }
}

/// The files that differ from the reference, once for each code that does.
fn changes(page: &mut Page, groups: &[(&Subject, Vec<&Check>)]) {
    let mut shown: Vec<&Code> = Vec::new();
    for code in groups.iter().filter_map(|(subject, _)| subject.code.as_ref()) {
        let changed = !code.changed.is_empty() || code.diff.is_some();
        if changed && !shown.iter().any(|known| known.diff == code.diff && known.changed == code.changed) {
            shown.push(code);
        }
    }
    for changed in shown {
        page.heading("###", Label::Changed);
        page.says(changed);
        let label = |label: Label| label.say(page.lang, Pen::Markdown);
        let mut rows = TextTable::new([
            TextColumn::left(label(Label::File)),
            TextColumn::right(label(Label::Added)),
            TextColumn::right(label(Label::Removed)),
        ]);
        for file in &changed.changed {
            rows.push([code(&file.path), file.added.to_string(), file.removed.to_string()]);
        }
        page.block(page_table::table(&rows));
        if let Some(text) = &changed.text {
            page.details("diff", |page| page.block(fenced(text)));
        }
    }
}

/// A block of code whose fence is longer than any within it.
fn fenced(text: &str) -> String {
    let longest = text.lines().map(|line| line.chars().take_while(|it| *it == '`').count()).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}diff\n{}\n{fence}", text.trim_end())
}

fn hashes(report: &RunReport, lang: Lang) -> TextTable {
    let head = [Label::Check, Label::Manifest, Label::GoldenManifest];
    let mut rows = TextTable::new(head.map(|label| TextColumn::left(label.say(lang, Pen::Markdown))));
    for check in report.checks() {
        let own = check.judged.as_ref().and_then(|it| it.manifest.as_deref());
        let golden = check.golden.as_ref().and_then(|it| it.manifest.as_deref());
        if own.is_some() || golden.is_some() {
            rows.push([code(&check.id), own.map_or("-".to_owned(), code), golden.map_or("-".to_owned(), code)]);
        }
    }
    rows
}
