//! The verdict, the sentence that matters, and the summary for whoever reads nothing else.

use super::text::{both, pair};
use crate::message::{Count, Heading, Label, Page, Pen, Say, Tally};
use crate::{Gate, Lang, RunReport, headline};
use maud::{Markup, html};

/// The title of the window.
pub(super) fn title(report: &RunReport, lang: Lang) -> String {
    format!("{} · {}", report.gate().label().say(lang, Pen::Plain), report.tool.name)
}

/// The bar at the top: the name, and the switches, which the script shows.
pub(super) fn bar(report: &RunReport) -> Markup {
    html! {
        header.bar {
            span.name { (report.tool.name) }
            nav aria-label=(Page::Contents.en(Pen::Plain)) data-zh=(Page::Contents.zh(Pen::Plain)) {
                @if report.checks().any(|check| report.gates_as_failure(check)) {
                    a href="#failed" { (both(&Label::WhatFailed)) }
                }
                a href="#suites" { (both(&Page::Suites)) }
                a href="#checks" { (both(&Page::Checks)) }
                a href="#judged" { (both(&Label::WhoWasJudged)) }
                a href="#environment" { (both(&Label::WhoJudges)) }
            }
            span.switches hidden {
                button #language type="button" { (both(&Page::Language)) }
                button #theme type="button" { (both(&Page::Theme)) }
            }
        }
    }
}

/// The class of a gate.
fn class(gate: Gate) -> &'static str {
    match gate {
        Gate::Pass => "pass",
        Gate::Fail => "fail",
    }
}

/// The verdict, the sentence that matters, and the summary.
pub(super) fn lead(report: &RunReport) -> Markup {
    let gate = report.gate();
    let said = |lang| headline::headline(report, lang, Pen::Html);
    let (en, zh) = (said(Lang::En), said(Lang::Zh));
    html! {
        section #result.lead.(class(gate)) {
            h1 { span.verdict { (both(&gate.label())) } " " span.counts { (counts(report)) } }
            @let compared = headline::compared(report);
            @for line in &compared { p.headline { (both(*line)) } }
            @if en.is_empty() && compared.is_empty() {
                p.headline { (meaning(report)) }
            }
            @for (index, (en, zh)) in en.iter().zip(&zh).enumerate() {
                @if index == 0 { p.headline { (pair(en, zh)) } } @else { p { (pair(en, zh)) } }
            }
            @if let Some(why) = report.why_shut() { p { (both(&Count::CountsAsFailed(why))) } }
        }
        (brief(report))
    }
}

fn counts(report: &RunReport) -> Markup {
    let seconds = report.environment.seconds;
    both(&Count::InTime(report.counts(), seconds))
}

/// What a run that passed amounts to.
fn meaning(report: &RunReport) -> Markup {
    let tally = Tally::of(report.checks().flat_map(|check| &check.tensors));
    let tensors = tally.tensors() + tally.unexpected;
    let identical = tally.identical;
    match report.gate() {
        Gate::Fail => html! {},
        Gate::Pass if tensors == 0 => {
            let first = report.checks().find_map(|check| check.line());
            html! { @if let Some(line) = first { (both(line)) } }
        }
        Gate::Pass if identical == tensors => both(&Count::AllIdentical(tensors)),
        Gate::Pass if tally.not_judged == 0 => both(&Count::AllWithin { tensors, identical }),
        Gate::Pass => both(&Count::JudgedWithin { tensors, identical, not_judged: tally.not_judged }),
    }
}

/// The summary that can be handed to somebody who reads nothing else.
fn brief(report: &RunReport) -> Markup {
    let (en, zh) = (headline::brief(report, Lang::En, Pen::Html), headline::brief(report, Lang::Zh, Pen::Html));
    html! {
        section #brief {
            h2 { (both(&Page::InShort)) }
            dl.facts {
                @for ((head, en), (_, zh)) in en.iter().zip(&zh) {
                    dt { (both(head)) }
                    dd {
                        @if let ([en], [zh]) = (en.as_slice(), zh.as_slice()) {
                            (pair(&en.en(Pen::Html), &zh.zh(Pen::Html)))
                        } @else {
                            ul { @for (en, zh) in en.iter().zip(zh) { li { (pair(&en.en(Pen::Html), &zh.zh(Pen::Html))) } } }
                        }
                    }
                }
            }
        }
    }
}

/// A row a suite.
pub(super) fn suites(report: &RunReport) -> Markup {
    let heads = [Heading::Tensors, Heading::Identical, Heading::Within, Heading::Wrong, Heading::NotJudged];
    html! {
        section #suites {
            h2 { (both(&Page::Suites)) }
            @if report.suites.is_empty() { p { (both(&Label::NoCheck)) } }
            @else {
                div.scroll tabindex="0" role="group" aria-label=(Page::Suites.en(Pen::Plain)) data-zh=(Page::Suites.zh(Pen::Plain)) {
                    table {
                        thead { tr {
                            @for label in [Label::Suite, Label::Verdict, Label::Checks] { th scope="col" { (both(&label)) } }
                            @for head in &heads { th.n scope="col" { (both(head)) } }
                        } }
                        tbody { @for suite in &report.suites { (row(report, suite)) } }
                    }
                }
            }
        }
    }
}

fn row(report: &RunReport, suite: &crate::SuiteResult) -> Markup {
    let tally = Tally::of(suite.checks.iter().flat_map(|check| &check.tensors));
    let fails = suite.checks.iter().any(|check| report.gates_as_failure(check));
    let judged = suite.checks.iter().any(|check| !check.tensors.is_empty());
    let numbers =
        [tally.tensors() + tally.unexpected, tally.identical, tally.within, tally.failing(), tally.not_judged];
    let verdict = if fails { Label::RunFail } else { Label::RunPass };
    html! {
        tr {
            th scope="row" { (suite.suite) }
            td { span.v.(if fails { "fail" } else { "pass" }) { (both(&verdict)) } }
            td { (both(&suite.counts())) }
            @for number in numbers { td.n { @if judged { (number) } @else { "-" } } }
        }
    }
}
