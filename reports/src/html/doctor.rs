//! What `doctor` finds of the machine: what is wrong near the head of the page, everything among the environment.

use super::table::{Kind, framed};
use super::text::{both, pair};
use crate::message::{Label, Pen};
use crate::{DoctorLine, Lang, RunReport};
use maud::{Markup, html};

/// What is wrong or missing, with the fix.
pub(super) fn unwell(report: &RunReport) -> Markup {
    let bad: Vec<_> = report.environment.doctor.iter().filter(|line| line.state().is_bad()).collect();
    html! {
        @if !bad.is_empty() {
            section #doctor {
                p { (both(&Label::Unwell)) }
                ul { @for line in bad {
                    li { code { (line.item()) } " " (state(line)) ": " (found(line)) br; (both(&Label::Fix)) ": " (fix(line)) }
                } }
            }
        }
    }
}

/// Every line.
pub(super) fn lines(report: &RunReport) -> Markup {
    let heads = [Label::DoctorState, Label::DoctorItem, Label::DoctorFound, Label::Fix];
    let head = html! { tr { @for head in &heads { th scope="col" { (both(head)) } } } };
    let body = html! {
        @for line in &report.environment.doctor {
            tr { td { (state(line)) } td { code { (line.item()) } } td { (found(line)) } td { (fix(line)) } }
        }
    };
    html! { @if !report.environment.doctor.is_empty() { (framed(&Label::DoctorState, Kind::Plain, head, body)) } }
}

fn state(line: &DoctorLine) -> Markup {
    pair(line.state().word(Lang::En), line.state().word(Lang::Zh))
}

fn found(line: &DoctorLine) -> Markup {
    pair(&line.found(Lang::En, Pen::Html), &line.found(Lang::Zh, Pen::Html))
}

fn fix(line: &DoctorLine) -> Markup {
    let fix = |lang| line.fix(lang, Pen::Html).unwrap_or_default();
    pair(&fix(Lang::En), &fix(Lang::Zh))
}
