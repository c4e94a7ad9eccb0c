//! Every check, a row each.

use super::table::{Kind, framed};
use super::text::{both, pair};
use crate::message::{Label, Page, Pen};
use crate::{Check, Lang, RunReport, Verdict, markdown, number};
use maud::{Markup, html};

pub(super) fn checks(report: &RunReport) -> Markup {
    let labels = [Label::Verdict, Label::Check, Label::Result, Label::Measured, Label::Limit, Label::Time];
    let right = |index: usize| (index > 3).then_some("n");
    let head = html! {
        tr { @for (index, label) in labels.iter().enumerate() { th scope="col" class=[right(index)] { (both(label)) } } }
    };
    let body = html! { @for check in report.checks() { (row(report, check)) } };
    html! {
        section #checks {
            h2 { (both(&Page::Checks)) }
            (framed(&Page::Checks, Kind::Filtered, head, body))
        }
    }
}

/// The class of a verdict.
pub(super) fn class(report: &RunReport, check: &Check) -> &'static str {
    match check.verdict {
        _ if report.gates_as_failure(check) => "fail",
        Verdict::Pass => "pass",
        Verdict::Fail { .. } | Verdict::Error { .. } => "fail",
        Verdict::Skipped { .. } | Verdict::Vacuous { .. } => "idle",
    }
}

fn row(report: &RunReport, check: &Check) -> Markup {
    let figure = check.figures.first();
    let measured = |lang| figure.map_or_else(String::new, |it| markdown::measured(it, lang, Pen::Html));
    let limit = |lang| figure.map_or_else(String::new, |it| markdown::limit_of(it, lang, Pen::Html));
    html! {
        tr {
            td { span.v.(class(report, check)) { (both(&markdown::verdict(check))) } }
            th scope="row" { code { (check.id) } }
            td.wide { @if let Some(line) = check.line() { (both(line)) } }
            td data-v=[figure.map(|it| it.value)] { (pair(&measured(Lang::En), &measured(Lang::Zh))) }
            td.n { (pair(&limit(Lang::En), &limit(Lang::Zh))) }
            td.n data-v=(check.seconds) { (number::duration(check.seconds)) }
        }
    }
}
