//! What failed: why, the errors of all tensors with the first divergence marked, and what to do.

use super::text::{both, pair};
use super::{Room, chart, checks};
use crate::message::{Count, Label, Page, Pen, Say};
use crate::{Check, Finding, Lang, RunReport, growth, markdown};
use maud::{Markup, html};

/// Findings that are shown at once; more are folded away.
const SHOWN: usize = 5;
/// Findings that are shown at all.
const MOST: usize = 60;
/// Failing checks whose plot is shown at once.
const OPEN: usize = 3;

pub(super) fn failures(report: &RunReport, room: &mut Room) -> Markup {
    let failing: Vec<&Check> = report.checks().filter(|check| report.gates_as_failure(check)).collect();
    if failing.is_empty() {
        return html! {};
    }
    let block = |(index, check): (usize, &&Check)| {
        let whole = failure(report, check, index < OPEN);
        room.fits(whole).unwrap_or_else(|| html! { p { (head(report, check)) " " (both(&Count::InTheJson)) } })
    };
    let blocks: Vec<Markup> = failing.iter().enumerate().map(block).collect();
    html! {
        section #failed {
            h2 { (both(&Label::WhatFailed)) }
            @for block in &blocks { (block) }
        }
    }
}

/// The line of a failing check.
fn head(report: &RunReport, check: &Check) -> Markup {
    html! {
        span.v.(checks::class(report, check)) { (both(&markdown::verdict(check))) } " "
        code { (check.id) } " "
        @if let Some(line) = check.line() { (both(line)) }
    }
}

fn failure(report: &RunReport, check: &Check, open: bool) -> Markup {
    let growth = growth::of_failing(std::iter::once(check)).pop();
    let plot = growth.map(|growth| chart::chart(&growth.picture(Lang::En), &growth.picture(Lang::Zh)));
    let (shown, folded) = check.findings.split_at(check.findings.len().min(SHOWN));
    let (folded, lost) = folded.split_at(folded.len().min(MOST));
    html! {
        details.failure open[open] {
            summary { (head(report, check)) }
            @if let Some(reason) = check.verdict.reason() { p { b { (both(reason)) } } }
            @if let Some(plot) = plot { (plot) }
            (findings(shown))
            @if !folded.is_empty() {
                details { summary { (both(&Count::Beyond(folded.len()))) } (findings(folded)) }
            }
            @if !lost.is_empty() { p.small { (both(&Count::MoreFindings(lost.len()))) } }
            @if check.figures.len() > 1 {
                ul.figures { @for figure in &check.figures {
                    li { (pair(&markdown::measured(figure, Lang::En, Pen::Html), &markdown::measured(figure, Lang::Zh, Pen::Html))) }
                } }
            }
        }
    }
}

/// What there is to say of checks that do not fail, such as a doubt that was allowed.
pub(super) fn remarks(report: &RunReport, room: &mut Room) -> Markup {
    let remarked = report.checks().filter(|it| !it.findings.is_empty() && !report.gates_as_failure(it));
    let block = |check: &Check| {
        let whole = html! {
            details.failure open {
                summary { (head(report, check)) }
                (findings(&check.findings[..check.findings.len().min(MOST)]))
            }
        };
        room.fits(whole).unwrap_or_else(|| html! { p { (head(report, check)) " " (both(&Count::InTheJson)) } })
    };
    let blocks: Vec<Markup> = remarked.map(block).collect();
    html! {
        @if !blocks.is_empty() {
            section #remarks {
                h2 { (both(&Page::Remarks)) }
                @for block in &blocks { (block) }
            }
        }
    }
}

fn findings(findings: &[Finding]) -> Markup {
    let hint = |finding: &Finding| finding.hint.as_ref().map(both_hint);
    html! {
        @if !findings.is_empty() {
            ul.findings {
                @for finding in findings {
                    li {
                        (both(&finding.subject)) ": " (both(&finding.text))
                        @if let Some(hint) = hint(finding) { p.hint { (hint) } }
                    }
                }
            }
        }
    }
}

fn both_hint(hint: &crate::Message) -> Markup {
    let say = |lang| format!("{} {}", Label::Hint.say(lang, Pen::Html), hint.say(lang, Pen::Html));
    pair(&say(Lang::En), &say(Lang::Zh))
}
