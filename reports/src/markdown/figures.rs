//! Figures, findings and tensors of one check.

use super::Page;
use super::escape::code;
use super::table;
use crate::message::{Count, Heading, Label, Outcome, Pen, Say};
use crate::{Cell, Check, Column, Figure, Finding, Kind, Lang, Message, Table, Tensor, Verdict, number};

/// Findings of one check that are shown at once; more are folded away.
pub(super) const FINDINGS_SHOWN: usize = 10;

/// Tensors of one check that are shown: those nearest to the limit, or furthest beyond it.
const TENSORS_SHOWN: usize = 10;

/// A verdict in words.
pub(crate) fn verdict(check: &Check) -> Label {
    match check.verdict {
        Verdict::Pass => Label::Passed,
        Verdict::Fail { .. } => Label::Failed,
        Verdict::Skipped { .. } => Label::Skipped,
        Verdict::Vacuous { .. } => Label::IsVacuous,
        Verdict::Error { .. } => Label::Errored,
    }
}

/// All figures, a list item each.
pub(super) fn all(check: &Check, lang: Lang) -> String {
    let pen = Pen::Markdown;
    let limit = Label::Limit.say(lang, pen);
    let between = lang.of("; ", "；");
    let item = |figure: &Figure| match figure.limit {
        Some(_) => format!("* {}{between}{limit} {}\n", measured(figure, lang, pen), limit_of(figure, lang, pen)),
        None => format!("* {}\n", measured(figure, lang, pen)),
    };
    check.figures.iter().map(item).collect()
}

/// What a figure is, and its value.
pub(crate) fn measured(figure: &Figure, lang: Lang, pen: Pen) -> String {
    format!("{}{}{}", figure.name.say(lang, pen), lang.colon(), in_unit(figure, figure.value, lang, pen))
}

/// The limit of a figure; empty where there is none.
pub(crate) fn limit_of(figure: &Figure, lang: Lang, pen: Pen) -> String {
    figure.limit.map_or_else(String::new, |limit| in_unit(figure, limit.0, lang, pen))
}

fn in_unit(figure: &Figure, value: f64, lang: Lang, pen: Pen) -> String {
    let value = number::figure(value);
    match &figure.unit {
        Some(unit) => format!("{value} {}", unit.say(lang, pen)),
        None => value,
    }
}

/// A list of findings.
pub(super) fn findings(findings: &[Finding], lang: Lang) -> String {
    // What continues a list item is indented under its text.
    let say = |message: &Message| message.say(lang, Pen::Markdown).replace('\n', "\n  ");
    let hint_label = Label::Hint.say(lang, Pen::Markdown);
    let mut list = String::new();
    for Finding { subject, text, hint } in findings {
        list.push_str(&format!("* {}{}{}\n", say(subject), lang.colon(), say(text)));
        if let Some(hint) = hint {
            list.push_str(&format!("  *{hint_label}* {}\n", say(hint)));
        }
    }
    list
}

/// The tensors of a check that are not identical, the worst first, and how many more there are. Nothing where all are identical.
pub(super) fn tensors(page: &mut Page, check: &Check) {
    let mut others: Vec<&Tensor> = check.tensors.iter().filter(|it| it.outcome != Outcome::Identical).collect();
    if others.is_empty() {
        return;
    }
    others.sort_by(|a, b| (b.outcome.fails().cmp(&a.outcome.fails())).then(ratio(b).total_cmp(&ratio(a))));
    others.truncate(TENSORS_SHOWN);
    let identical = check.tensors.iter().filter(|it| it.outcome == Outcome::Identical).count();
    let rest = Count::OtherTensors { others: check.tensors.len() - others.len(), identical };
    let summary = Count::WorstTensors(others.len(), check.id.clone()).say(page.lang, Pen::Plain);
    let shown = table(&others).text(page.lang, Pen::Markdown, false);
    page.details(&summary, |page| {
        page.block(table::table(&shown));
        page.says(&rest);
    });
}

/// Wrong ones without a ratio, such as those that are missing, come after those that have one.
fn ratio(tensor: &Tensor) -> f64 {
    tensor.ratio_to_limit.map_or(0.0, |ratio| ratio.0)
}

fn table(tensors: &[&Tensor]) -> Table {
    let mut table = Table::new([
        Column::text(Heading::Tensor),
        Column::text(Heading::Outcome),
        Column::text(Heading::Metric),
        Column::new(Heading::Error, Kind::Error),
        Column::new(Heading::Yardstick, Kind::Error),
        Column::new(Heading::K, Kind::Count),
        Column::new(Heading::Limit, Kind::Error),
        Column::new(Heading::OverLimit, Kind::Ratio),
        Column::new(Heading::OverYardstick, Kind::Ratio),
        Column::new(Heading::Ulp, Kind::Count),
    ]);
    for tensor in tensors {
        let nearest = tensor.nearest();
        let figure = |value: Option<f64>| Cell::number(value);
        table.push([
            Cell::Name(tensor.name.clone()),
            Cell::Says(tensor.outcome.into()),
            nearest.map_or(Cell::Absent, |held| Cell::Says(held.metric.into())),
            figure(nearest.map(|held| held.error.0)),
            figure(nearest.map(|held| held.yardstick.0)),
            figure(nearest.map(|held| held.k.0)),
            figure(nearest.map(|held| held.limit.0)),
            figure(tensor.ratio_to_limit.map(|ratio| ratio.0)),
            figure(tensor.ratio_to_yardstick.map(|ratio| ratio.0)),
            tensor.error.map_or(Cell::Absent, |error| Cell::Count(error.ulp)),
        ]);
    }
    table
}

/// The id of a check, as code.
pub(super) fn id(check: &Check) -> String {
    code(&check.id)
}
