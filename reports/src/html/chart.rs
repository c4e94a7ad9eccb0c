//! A plot inside the page: one drawing for both languages and both themes, with its figures beside it for whoever does not see it.

use super::table::{Kind, framed};
use super::text::{both, pair};
use crate::message::{Page, Pen};
use crate::svg::axis::{Place, Tick, XAxis, YAxis};
use crate::svg::{At, Line, Picture, Rule, Stroke, strays};
use crate::{number, width};
use maud::{Markup, html};
use std::fmt::Write;

/// Half pixels: a path of whole numbers is short.
const WIDTH: i32 = 1440;
const HEIGHT: i32 = 480;
const TOP: i32 = 34;
const RIGHT: i32 = 1420;
const FONT: i32 = 24;
/// Labels of the horizontal axis are cut to so many characters, from the front.
const LONGEST_NAME: usize = 26;
/// Points of a line that are marked besides.
const MARKED: usize = 80;
/// The colours of the style sheet.
const COLOURS: usize = 7;

/// Where the axes are.
struct Frame {
    left: i32,
    bottom: i32,
    x_axis: XAxis,
    y_axis: YAxis,
}

impl Frame {
    fn of(plot: &Picture) -> Self {
        let (x_axis, y_axis) = (XAxis::of(plot), YAxis::of(plot));
        let longest = y_axis.ticks.iter().map(|tick| width::width(&tick.label)).max().unwrap_or(0);
        Self { left: 18 + 14 * longest as i32, bottom: TOP + HEIGHT, x_axis, y_axis }
    }

    fn x(&self, at: f64) -> i32 {
        self.left + (f64::from(RIGHT - self.left) * at).round() as i32
    }

    fn y(&self, at: f64) -> i32 {
        self.bottom - (f64::from(HEIGHT) * at).round() as i32
    }

    /// The pixel of a point and what stands there; none where the horizontal axis has no place for it.
    fn point(&self, (x, y): (f64, f64)) -> Option<(i32, i32, Place)> {
        let x = self.x(self.x_axis.place(x)?);
        let place = self.y_axis.place(y);
        let height = if let Place::At(height) = place { height } else { 0.0 };
        Some((x, self.y(height), place))
    }
}

/// The plot, from the same picture in both languages.
pub(super) fn chart(en: &Picture, zh: &Picture) -> Markup {
    let frame = Frame::of(en);
    let names = shown_names(&frame, &en.x_ticks);
    let depth = names.iter().map(|tick| width::width(&tick.label) as i32 * 13).max().unwrap_or(0);
    let height = frame.bottom + if en.x_ticks.is_empty() { FONT + 14 } else { depth + 22 };
    let (lost_en, lost_zh) =
        (strays(&frame.y_axis, &frame.x_axis, en.lang), strays(&frame.y_axis, &frame.x_axis, zh.lang));
    html! {
        figure {
            figcaption { (words(&en.title, &zh.title)) }
            (legend(en, zh))
            p.axis { (words(&en.y_label, &zh.y_label)) }
            div.scroll tabindex="0" role="group" aria-label=(en.title) data-zh=(zh.title) {
                svg.chart viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label=(alt(en)) data-zh=(alt(zh)) {
                    (drawn(en, &frame, &names))
                    @for (rule, other) in en.rules.iter().zip(&zh.rules) { (drawn_rule(rule, other, &frame)) }
                }
            }
            p.axis.below { (words(&en.x_label, &zh.x_label)) }
            @if !lost_en.is_empty() { p.small { (words(&lost_en, &lost_zh)) } }
            (in_figures(en, zh))
        }
    }
}

/// Plain words of a picture in both languages.
fn words(en: &str, zh: &str) -> Markup {
    pair(&Pen::Html.text(en), &Pen::Html.text(zh))
}

fn colour(index: usize) -> String {
    format!("s{}", index % COLOURS)
}

fn class(index: usize, line: &Line) -> String {
    match line.stroke {
        Stroke::Wrong => "wrong".to_owned(),
        Stroke::Ticks => "same".to_owned(),
        Stroke::Joined | Stroke::Dots => colour(index),
    }
}

fn legend(en: &Picture, zh: &Picture) -> Markup {
    let key =
        |class: &str| html! { svg.key viewBox="0 0 40 20" aria-hidden="true" { path.line.(class) d="M2 10h36" {} } };
    let dot =
        |class: &str| html! { svg.key viewBox="0 0 40 20" aria-hidden="true" { path.dots.(class) d="M20 10h0" {} } };
    html! {
        ul.legend {
            @for (index, (line, other)) in en.lines.iter().zip(&zh.lines).enumerate() {
                li {
                    @match line.stroke {
                        Stroke::Joined => { (key(&class(index, line))) }
                        _ => { (dot(&class(index, line))) }
                    }
                    (words(&line.name, &other.name)) " "
                }
            }
            @if let (Some(band), Some(other)) = (&en.band, &zh.band) {
                li { svg.key viewBox="0 0 40 20" aria-hidden="true" { rect.band x="2" y="3" width="36" height="14" {} } (words(&band.name, &other.name)) }
            }
        }
    }
}

/// Grid, band and lines.
fn drawn(plot: &Picture, frame: &Frame, names: &[Tick]) -> Markup {
    let grid: String =
        frame.y_axis.ticks.iter().map(|tick| format!("M{} {}H{RIGHT}", frame.left, frame.y(tick.at))).collect();
    let upright = !plot.x_ticks.is_empty();
    html! {
        @if let Some(band) = &plot.band { path.band d=(area(&band.points, frame)) {} }
        path.grid d=(grid) {}
        @for tick in frame.y_axis.ticks.iter().filter(|tick| !tick.label.is_empty()) {
            text.end x=(frame.left - 8) y=(frame.y(tick.at) + 8) { (tick.label) }
        }
        @for tick in names {
            @let x = frame.x(tick.at);
            @if upright { text.end transform=(format!("translate({} {})rotate(-90)", x + 8, frame.bottom + 10)) { (tick.label) } }
            @else { text.middle x=(x) y=(frame.bottom + FONT + 4) { (tick.label) } }
        }
        path.frame d=(format!("M{0} {TOP}V{1}H{RIGHT}", frame.left, frame.bottom)) {}
        @for (index, line) in plot.lines.iter().enumerate() { (drawn_line(index, line, frame)) }
    }
}

/// Labels of the horizontal axis that do not run into each other.
fn shown_names(frame: &Frame, names: &[String]) -> Vec<Tick> {
    let cut = |name: &str| {
        let length = name.chars().count();
        if length <= LONGEST_NAME { name.to_owned() } else { name.chars().skip(length - LONGEST_NAME).collect() }
    };
    let (mut shown, mut free) = (Vec::new(), i32::MIN);
    for tick in &frame.x_axis.ticks {
        let x = frame.x(tick.at);
        let room = if names.is_empty() { 14 * width::width(&tick.label) as i32 + 20 } else { 2 * FONT };
        if x >= free && !tick.label.is_empty() {
            shown.push(Tick { label: cut(&tick.label), ..tick.clone() });
            free = x + room;
        }
    }
    shown
}

fn drawn_line(index: usize, line: &Line, frame: &Frame) -> Markup {
    let points: Vec<(i32, i32, Place)> = line.points.iter().filter_map(|point| frame.point(*point)).collect();
    let class = class(index, line);
    let path = |d: String, kind: &str| html! { @if !d.is_empty() { path.(kind).(class) d=(d) {} } };
    match line.stroke {
        Stroke::Ticks => path(points.iter().map(|(x, ..)| format!("M{x} {}v-12", frame.bottom)).collect(), "ticks"),
        Stroke::Dots => path(dots(&points), "dots"),
        Stroke::Wrong => {
            let beyond: Vec<_> = points.iter().filter(|it| it.2 == Place::NotFinite).collect();
            let crosses = beyond.iter().map(|(x, ..)| format!("M{} {}l14 14m0 -14l-14 14", x - 7, TOP - 7)).collect();
            html! { (path(dots(&points), "dots")) (path(crosses, "line")) }
        }
        Stroke::Joined => {
            let marked = points.len() <= MARKED;
            html! { (path(joined(&points), "line")) (path(if marked { dots(&points) } else { String::new() }, "dots")) }
        }
    }
}

/// A mark a point; of a logarithmic axis, what has no place on it stands at the bottom.
fn dots(points: &[(i32, i32, Place)]) -> String {
    points.iter().filter(|it| it.2 != Place::NotFinite).map(|(x, y, _)| format!("M{x} {y}h0")).collect()
}

/// A line that breaks where a value is not finite.
fn joined(points: &[(i32, i32, Place)]) -> String {
    let mut path = String::new();
    let mut last: Option<(i32, i32)> = None;
    for &(x, y, place) in points {
        // Writing to a string cannot fail.
        let _ = match (place, last) {
            (Place::NotFinite, _) => Ok(()),
            (_, None) => write!(path, "M{x} {y}"),
            (_, Some((px, py))) => write!(path, "l{} {}", x - px, y - py),
        };
        last = (place != Place::NotFinite).then_some((x, y));
    }
    path
}

/// The outline of a band, a piece for each stretch that has a place.
fn area(points: &[(f64, f64, f64)], frame: &Frame) -> String {
    let place = |&(x, low, high): &(f64, f64, f64)| {
        let (x, low, high) = (frame.x_axis.place(x)?, frame.y_axis.place(low), frame.y_axis.place(high));
        match (low, high) {
            (Place::At(low), Place::At(high)) => Some((frame.x(x), frame.y(low), frame.y(high))),
            _ => None,
        }
    };
    let places: Vec<Option<(i32, i32, i32)>> = points.iter().map(place).collect();
    let mut path = String::new();
    for stretch in places.split(Option::is_none).filter(|stretch| stretch.len() > 1) {
        let stretch: Vec<(i32, i32, i32)> = stretch.iter().flatten().copied().collect();
        let there = stretch.iter().map(|(x, _, high)| (*x, *high, Place::At(0.0)));
        let back = stretch.iter().rev().map(|(x, low, _)| (*x, *low, Place::At(0.0)));
        path.push_str(&joined(&there.chain(back).collect::<Vec<_>>()));
        path.push('z');
    }
    path
}

/// A limit or a place that matters, with its name beside it.
fn drawn_rule(rule: &Rule, other: &Rule, frame: &Frame) -> Markup {
    let name = |x: i32, y: i32, class: &str| {
        html! {
            @if rule.name == other.name { text.rule.(class) x=(x) y=(y) { (rule.name) } }
            @else {
                text.rule.(class) x=(x) y=(y) lang="en" { (rule.name) }
                text.rule.(class) x=(x) y=(y) lang="zh" { (other.name) }
            }
        }
    };
    match rule.at {
        At::Height(height) => {
            let Place::At(at) = frame.y_axis.place(height) else { return html! {} };
            let y = frame.y(at);
            html! { path.rule d=(format!("M{} {y}H{RIGHT}", frame.left)) {} (name(RIGHT - 6, y - 8, "end")) }
        }
        At::Place(place) => {
            let Some(at) = frame.x_axis.place(place) else { return html! {} };
            let x = frame.x(at);
            let (beside, class) = if at < 0.5 { (x + 8, "start") } else { (x - 8, "end") };
            html! { path.rule d=(format!("M{x} {TOP}V{}", frame.bottom)) {} (name(beside, TOP - 10, class)) }
        }
    }
}

/// What the lines do, in words that are not seen.
fn alt(plot: &Picture) -> String {
    let of = plot.lang.of(": ", "：");
    let line = |line: &Line| {
        let Some(span) = Span::of(line) else { return line.name.clone() };
        format!(
            "{}{of}{} – {} ({})",
            line.name,
            number::figure(span.lowest),
            number::figure(span.highest),
            line.points.len()
        )
    };
    let rules = plot.rules.iter().map(|rule| rule.name.clone());
    let parts: Vec<String> = plot.lines.iter().map(line).chain(rules).collect();
    format!("{}. {}", plot.title, parts.join("; "))
}

/// The finite values of a line.
struct Span {
    first: f64,
    last: f64,
    lowest: f64,
    highest: f64,
}

impl Span {
    fn of(line: &Line) -> Option<Self> {
        let finite = || line.points.iter().map(|point| point.1).filter(|y| y.is_finite());
        Some(Self {
            first: finite().next()?,
            last: finite().next_back()?,
            lowest: finite().fold(f64::INFINITY, f64::min),
            highest: finite().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

/// A row a line: how many points, where it begins and ends, how low and how high it goes.
fn in_figures(en: &Picture, zh: &Picture) -> Markup {
    let heads = [Page::Points, Page::First, Page::Last, Page::Lowest, Page::Highest];
    let head = html! {
        tr {
            th scope="col" { (both(&Page::Line)) }
            @for head in &heads { th.n scope="col" { (both(head)) } }
        }
    };
    let lines = en.lines.iter().zip(&zh.lines).filter(|(line, _)| line.stroke != Stroke::Ticks);
    let body = html! {
        @for (line, other) in lines {
            @let span = Span::of(line);
            tr {
                th scope="row" { (words(&line.name, &other.name)) }
                td.n { (line.points.len()) }
                @for value in [span.as_ref().map(|it| it.first), span.as_ref().map(|it| it.last), span.as_ref().map(|it| it.lowest), span.as_ref().map(|it| it.highest)] {
                    td.n { (value.map_or_else(|| "-".to_owned(), number::figure)) }
                }
            }
        }
    };
    html! {
        details.figures { summary { (both(&Page::InFigures)) } (framed(&Page::InFigures, Kind::Plain, head, body)) }
    }
}
