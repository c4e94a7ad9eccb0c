//! The tensors of all checks that are nearest to their limit, or beyond it, with all their figures.

use super::table::{Kind, framed};
use super::text::both;
use crate::message::{Count, Heading, Label, Outcome, Page};
use crate::{Check, RunReport, Tensor, number};
use maud::{Markup, html};
use std::cmp::Reverse;

/// So many rows at most: some 500 bytes each.
const MOST: usize = 600;

pub(super) fn tensors(report: &RunReport) -> Markup {
    let all = || report.checks().flat_map(|check| check.tensors.iter().map(move |tensor| (check, tensor)));
    let mut shown: Vec<(&Check, &Tensor)> = all().filter(|(_, it)| it.outcome != Outcome::Identical).collect();
    if shown.is_empty() {
        return html! {};
    }
    let (count, identical) = (all().count(), all().filter(|(_, it)| it.outcome == Outcome::Identical).count());
    shown.sort_by(|(_, a), (_, b)| ratio(b).total_cmp(&ratio(a)));
    // A stable sort: tensors that fail come first, in the order of their ratios.
    shown.sort_by_key(|(_, tensor)| Reverse(tensor.outcome.fails()));
    shown.truncate(MOST);
    let others = count - shown.len();
    html! {
        section #tensors {
            h2 { (both(&Page::Tensors)) }
            p { (both(&Label::AboutTensors)) }
            (framed(&Page::Tensors, Kind::Filtered, head(), html! { @for (check, it) in &shown { (row(check, it)) } }))
            @if others > 0 { p.small { (both(&Count::OtherTensors { others, identical })) } }
        }
    }
}

fn ratio(tensor: &Tensor) -> f64 {
    tensor.ratio_to_limit.map_or(0.0, |ratio| ratio.0)
}

fn head() -> Markup {
    let words = [Heading::Tensor, Heading::Stage, Heading::Outcome, Heading::Metric];
    let numbers =
        [Heading::OverLimit, Heading::Error, Heading::Limit, Heading::Yardstick, Heading::OverYardstick, Heading::Ulp];
    html! {
        tr {
            @for word in &words { th scope="col" { (both(word)) } }
            @for word in &numbers { th.n scope="col" { (both(word)) } }
            th scope="col" { (both(&Label::Check)) }
        }
    }
}

fn row(check: &Check, tensor: &Tensor) -> Markup {
    let nearest = tensor.nearest();
    let numbers = [
        tensor.ratio_to_limit.map(|it| number::ratio(it.0)),
        nearest.map(|it| number::error(it.error.0)),
        nearest.map(|it| number::error(it.limit.0)),
        nearest.map(|it| number::error(it.yardstick.0)),
        tensor.ratio_to_yardstick.map(|it| number::ratio(it.0)),
        tensor.error.map(|it| it.ulp.to_string()),
    ];
    html! {
        tr {
            th scope="row" { code { (tensor.name) } }
            td { @if let Some(stage) = tensor.stage { (both(&stage)) } }
            td { @if tensor.outcome.fails() { span.v.fail { (both(&tensor.outcome)) } } @else { (both(&tensor.outcome)) } }
            td { @if let Some(held) = nearest { (both(&held.metric)) } }
            @for number in &numbers { td.n { (number.as_deref().unwrap_or("-")) } }
            td { (check.id) }
        }
    }
}
