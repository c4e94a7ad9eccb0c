//! The report to hand to a colleague, as GitHub-flavoured markdown that also reads well raw.
//!
//! It begins with what was judged, how much of it and what that means, and is short: rows without news are left out, long tables are cut,
//! and a line says how much is missing and which format has all of it.

mod brief;
pub(crate) mod escape;
mod figures;
mod head;
mod suite;
mod table;
mod who;

use crate::growth::Growth;
use crate::message::{Count, Label, Pen, Say};
use crate::svg::{self, PlotFile};
use crate::{Lang, Place, RenderError, Rendered, Renderer, RunReport};
use escape::html;

pub(crate) use figures::{limit_of, measured, verdict};
pub(crate) use head::environment;
pub(crate) use who::table as who;

/// The format `markdown`.
#[derive(Clone, Copy, Debug)]
pub struct Markdown;

impl Renderer for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn ending(&self) -> &'static str {
        ".md"
    }

    fn about(&self) -> &'static str {
        "For people, and for a job summary; in a file, with plots beside it"
    }

    fn has_pictures(&self) -> bool {
        true
    }

    fn render(&self, report: &RunReport, lang: Lang, place: &Place) -> Result<Rendered, RenderError> {
        let (plots, growths) = (svg::plot_files(report), svg::growth_files(report));
        // Without plots there is no folder, and nothing links to it.
        let folder = place.folder.as_deref().filter(|_| !plots.is_empty() || !growths.is_empty());
        let text = markdown(report, lang, folder);
        let of_suites = plots.iter().map(|file| Ok((file.name.clone(), svg::svg(file.plot, lang)?)));
        let of_checks = growths.iter().map(|(name, growth)| Ok((name.clone(), growth.picture(lang).draw()?)));
        let beside = match folder {
            Some(_) => of_suites.chain(of_checks).collect(),
            None => Ok(Vec::new()),
        };
        Ok(Rendered { bytes: text.into_bytes(), beside: beside.map_err(|error: svg::SvgError| error)? })
    }
}

/// The report: summary, what went wrong, environment, then each suite with its checks, tables and plots.
///
/// `images` is the folder, relative to the report's file and with `/` between its parts, where the pictures of
/// [`svg::plot_files`] lie. Without one a line of text stands for each plot.
pub fn markdown(report: &RunReport, lang: Lang, images: Option<&str>) -> String {
    let mut page = Page { text: String::new(), lang, cut: false };
    let pictures = Pictures { files: &svg::plot_files(report), growths: &svg::growth_files(report), folder: images };
    head::head(&mut page, report);
    who::judged(&mut page, report);
    head::unwell(&mut page, report);
    head::failures(&mut page, report, pictures);
    head::notes(&mut page, report);
    page.heading("##", Label::WhoJudges);
    if report.environment.judged.is_brought() {
        page.block(Label::JudgedAlone.say(lang, Pen::Markdown));
    }
    page.block(table::table(&head::environment(report, lang, Pen::Markdown)));
    if !report.environment.doctor.is_empty() {
        page.block(table::table(&head::doctor(report, lang)));
    }
    for result in &report.suites {
        suite::suite(&mut page, result, report, pictures);
    }
    if page.cut {
        let line = format!("\n{}\n", Count::CutForSize.say(lang, Pen::Markdown));
        page.text.push_str(&line);
    }
    page.text
}

/// A summary of a job takes a mebibyte, and shows nothing of a longer one.
const MOST: usize = 1_000_000;

/// Where pictures are.
#[derive(Clone, Copy)]
struct Pictures<'a> {
    files: &'a [PlotFile<'a>],
    /// The errors of failing checks, by the names of their files.
    growths: &'a [(String, Growth<'a>)],
    folder: Option<&'a str>,
}

/// Blocks with one empty line between them, in one language.
struct Page {
    text: String,
    lang: Lang,
    /// Blocks were left out: the text would have become too long.
    cut: bool,
}

impl Page {
    fn block(&mut self, block: impl AsRef<str>) {
        if self.text.len() + block.as_ref().len() > MOST {
            self.cut = true;
            return;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(block.as_ref().trim_end_matches('\n'));
        self.text.push('\n');
    }

    /// Words as markdown.
    fn say(&self, words: &dyn Say) -> String {
        words.say(self.lang, Pen::Markdown)
    }

    fn says(&mut self, words: &dyn Say) {
        self.block(self.say(words));
    }

    fn heading(&mut self, level: &str, label: Label) {
        self.block(format!("{level} {}", self.say(&label)));
    }

    /// The blocks that `fill` writes, folded away under `summary`, which is text.
    fn details(&mut self, summary: &str, fill: impl FnOnce(&mut Self)) {
        // What is folded away is left out as a whole, lest an element stay open.
        let mut inner = Self { text: String::new(), lang: self.lang, cut: false };
        inner.block(format!("<details><summary>{}</summary>", html(summary)));
        fill(&mut inner);
        inner.block("</details>");
        self.cut |= inner.cut;
        self.block(inner.text);
    }
}

#[cfg(test)]
mod tests;
