//! Where a step's time goes: the figures `phase_…` of a check, as a bar and a table.

use super::table::{Kind, framed};
use super::text::{both, pair};
use crate::message::{Page, Pen, Say};
use crate::{Check, Figure, Lang, RunReport, number};
use maud::{Markup, html};

/// How the key of a phase begins.
const PHASE: &str = "phase_";

pub(super) fn split(report: &RunReport) -> Markup {
    let measured: Vec<(&Check, Vec<&Figure>)> = report
        .checks()
        .map(|check| (check, check.figures.iter().filter(|it| it.key.starts_with(PHASE)).collect::<Vec<_>>()))
        .filter(|(_, phases)| !phases.is_empty())
        .collect();
    html! {
        @if !measured.is_empty() {
            section #split {
                h2 { (both(&Page::TimeSplit)) }
                @for (check, phases) in &measured { (of_check(check, phases)) }
            }
        }
    }
}

fn of_check(check: &Check, phases: &[&Figure]) -> Markup {
    let total: f64 = phases.iter().map(|it| it.value).filter(|value| value.is_finite()).sum();
    let share = |figure: &Figure| if total > 0.0 { figure.value / total } else { 0.0 };
    let head = html! {
        tr {
            th scope="col" { (both(&Page::Phase)) }
            th.n scope="col" { (both(&Page::SecondsAStep)) }
            th.n scope="col" { (both(&Page::Share)) }
        }
    };
    let body = html! {
        @for (index, figure) in phases.iter().enumerate() {
            tr {
                th scope="row" { span.key.(format!("s{}", index % 8)) {} (pair(&figure.name.say(Lang::En, Pen::Html), &figure.name.say(Lang::Zh, Pen::Html))) }
                td.n { (number::figure(figure.value)) }
                td.n { (format!("{:.1} %", 100.0 * share(figure))) }
            }
        }
    };
    let alt = |lang| {
        let parts = phases.iter().map(|it| format!("{} {:.1} %", it.name.plain(lang), 100.0 * share(it)));
        parts.collect::<Vec<_>>().join(lang.of(", ", "，"))
    };
    html! {
        h3 { code { (check.id) } }
        (bar(phases, &share, &alt))
        (framed(&Page::TimeSplit, Kind::Sorted, head, body))
    }
}

fn bar(phases: &[&Figure], share: &dyn Fn(&Figure) -> f64, alt: &dyn Fn(Lang) -> String) -> Markup {
    let mut from = 0.0;
    let mut parts = Vec::new();
    for figure in phases {
        let width = (720.0 * share(figure)).max(0.0);
        parts.push((from, width));
        from += width;
    }
    html! {
        svg.bar-of viewBox="0 0 720 34" role="img" aria-label=(alt(Lang::En)) data-zh=(alt(Lang::Zh)) {
            @for (index, (x, width)) in parts.iter().enumerate() {
                rect.fill.(format!("s{}", index % 8)) x=(format!("{x:.1}")) y="2" width=(format!("{width:.1}")) height="30" {}
            }
        }
    }
}
