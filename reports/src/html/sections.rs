//! Tables and plots of the suites.

use super::table::{Kind, table};
use super::text::{both, pair};
use super::{Room, chart};
use crate::message::{Count, Pen, Say};
use crate::svg::Picture;
use crate::{Lang, RunReport, Section, SuiteResult};
use maud::{Markup, html};

/// Rows of one table.
const ROWS: usize = 200;

pub(super) fn sections(report: &RunReport, room: &mut Room) -> Markup {
    let suites: Vec<Markup> = report.suites.iter().map(|it| suite(it, room)).collect();
    html! { @for suite in &suites { (suite) } }
}

fn suite(suite: &SuiteResult, room: &mut Room) -> Markup {
    if suite.sections.is_empty() {
        return html! {};
    }
    let (loud, quiet): (Vec<&Section>, Vec<&Section>) = suite.sections.iter().partition(|section| !section.quiet);
    let loud: Vec<Markup> = loud.into_iter().map(|section| show(section, room)).collect();
    let quiet_count = quiet.len();
    let quiet: Vec<Markup> = quiet.into_iter().map(|section| show(section, room)).collect();
    let name = |lang| Count::Suite(Pen::Html.text(&suite.name_and_group(lang))).say(lang, Pen::Html);
    html! {
        section #{ "suite-" (suite.suite) } {
            h2 { (pair(&name(Lang::En), &name(Lang::Zh))) }
            p { (both(&suite.proves)) }
            @for section in &loud { (section) }
            @if quiet_count > 0 {
                details { summary { (both(&Count::QuietSections(quiet_count))) } @for section in &quiet { (section) } }
            }
        }
    }
}

/// A section, or its title alone where the page has no room for it.
fn show(section: &Section, room: &mut Room) -> Markup {
    room.fits(whole(section)).unwrap_or_else(|| {
        html! { p.small { (both(&section.title)) ": " (both(&Count::InTheJson)) } }
    })
}

fn whole(section: &Section) -> Markup {
    let plot =
        section.plot.as_ref().map(|plot| chart::chart(&Picture::of(plot, Lang::En), &Picture::of(plot, Lang::Zh)));
    let body = html! {
        // The title of a plot stands above it.
        @if let (Some(text), None) = (&section.text, &plot) { p { (both(text)) } }
        @if let Some(plot) = &plot { (plot) }
        @if let (Some(text), Some(_)) = (&section.text, &plot) { p { (both(text)) } }
        @if let Some(rows) = &section.table { (rows_of(section, rows)) }
    };
    html! {
        @if section.collapsed {
            details { summary { (both(&section.title)) } (body) }
        } @else {
            @if section.plot.is_none() { h3 { (both(&section.title)) } }
            (body)
        }
    }
}

fn rows_of(section: &Section, rows: &crate::Table) -> Markup {
    let (all, quiet) = (rows.rows.len(), rows.quiet_rows());
    let kind = if all - quiet > 8 { Kind::Filtered } else { Kind::Plain };
    html! {
        @if all > quiet || all == 0 { (table(rows, &section.title, kind, ROWS)) }
        @if all - quiet > ROWS { p.small { (both(&Count::RowsLeftOut { left_out: all - quiet - ROWS })) } }
        @if quiet > 0 { p.small { (both(&Count::QuietRows { left_out: quiet, of: all })) } }
    }
}
