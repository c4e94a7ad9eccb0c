//! The report as one page of HTML that needs nothing beside it: no network, no font, no library.
//!
//! The page holds both languages; a rule of its style sheet shows one. Without scripts it is complete in the language asked for, and light
//! or dark as the system is. The script adds a switch of language and theme, sorting and filtering. No file is larger than a megabyte:
//! what does not fit is counted, and stands in the JSON report.

mod chart;
mod checks;
mod doctor;
mod failures;
mod lead;
mod sections;
mod split;
mod table;
mod tensors;
mod text;

use crate::message::{Label, Page, Pen, Say};
use crate::{Lang, Place, RenderError, Rendered, Renderer, RunReport, markdown};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use text::{both, pair};

/// The format `html`.
#[derive(Clone, Copy, Debug)]
pub struct Html;

impl Renderer for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn ending(&self) -> &'static str {
        ".html"
    }

    fn about(&self) -> &'static str {
        "For people: one page with plots, in both languages, to read in a browser"
    }

    fn render(&self, report: &RunReport, lang: Lang, _: &Place) -> Result<Rendered, RenderError> {
        Ok(page(report, lang).into())
    }
}

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// Bytes of tables and plots beyond which only their titles are shown: with head, checks and tensors the page stays below a megabyte.
const ROOM: usize = 450_000;

/// What a page may load: nothing from anywhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// The page, which first shows itself in `lang`.
pub fn page(report: &RunReport, lang: Lang) -> String {
    let mut room = Room { left: ROOM };
    let failures = failures::failures(report, &mut room);
    let remarks = failures::remarks(report, &mut room);
    let split = split::split(report);
    let sections = sections::sections(report, &mut room);
    let page = html! {
        (DOCTYPE)
        html lang=(lang.name()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (lead::title(report, lang)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#result" { (both(&Page::Skip)) }
                (lead::bar(report))
                main {
                    (lead::lead(report))
                    (doctor::unwell(report))
                    (failures)
                    (remarks)
                    (lead::suites(report))
                    (judged(report))
                    (split)
                    (sections)
                    (tensors::tensors(report))
                    (checks::checks(report))
                    (environment(report))
                    (notes(report))
                }
                footer { (report.tool) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// How many bytes tables and plots may still take.
struct Room {
    left: usize,
}

impl Room {
    /// The block, if there is room for it.
    fn fits(&mut self, block: Markup) -> Option<Markup> {
        let bytes = block.0.len();
        let fits = bytes <= self.left;
        self.left -= if fits { bytes } else { 0 };
        fits.then_some(block)
    }
}

/// Who was judged, a row for each that differs.
fn judged(report: &RunReport) -> Markup {
    let (en, zh) = (markdown::who(report, Lang::En, Pen::Html), markdown::who(report, Lang::Zh, Pen::Html));
    let cell = |row: &[String], index: usize| row.get(index).cloned().unwrap_or_default();
    html! {
        @if !en.rows.is_empty() {
            section #judged {
                h2 { (both(&Label::WhoWasJudged)) }
                div.scroll tabindex="0" role="group" aria-label=(Label::WhoWasJudged.say(Lang::En, Pen::Plain)) data-zh=(Label::WhoWasJudged.say(Lang::Zh, Pen::Plain)) {
                    table {
                        thead { tr { @for (en, zh) in en.columns.iter().zip(&zh.columns) { th { (pair(&en.title, &zh.title)) } } } }
                        tbody {
                            @for (en, zh) in en.rows.iter().zip(&zh.rows) {
                                tr { @for index in 0..en.len() { td { (pair(&cell(en, index), &cell(zh, index))) } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn rows(report: &RunReport, lang: Lang) -> Vec<Vec<String>> {
    markdown::environment(report, lang, Pen::Html).rows
}

fn environment(report: &RunReport) -> Markup {
    let (en, zh) = (rows(report, Lang::En), rows(report, Lang::Zh));
    let cell = |row: &[String], index: usize| row.get(index).cloned().unwrap_or_default();
    html! {
        section #environment {
            h2 { (both(&Label::WhoJudges)) }
            @if report.environment.judged.is_brought() { p { (both(&Label::JudgedAlone)) } }
            dl.facts {
                @for (en, zh) in en.iter().zip(&zh) {
                    dt { (pair(&cell(en, 0), &cell(zh, 0))) }
                    dd { (pair(&cell(en, 1), &cell(zh, 1))) }
                }
            }
            (doctor::lines(report))
        }
    }
}

fn notes(report: &RunReport) -> Markup {
    html! {
        @if !report.notes.is_empty() {
            section #notes {
                h2 { (both(&Label::Notes)) }
                ul { @for note in &report.notes { li { (both(note)) } } }
            }
        }
    }
}

#[cfg(test)]
mod tests;
