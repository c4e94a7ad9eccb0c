//! The report to hand to a colleague, as GitHub-flavoured markdown that also reads well raw.
//!
//! It begins with what was judged, how much of it and what that means, and is short: rows without news are left out, long tables are cut,
//! and a line says how much is missing and which format has all of it.

pub(crate) mod escape;
mod figures;
mod head;
mod suite;
mod table;

use crate::message::{Label, Pen, Say};
use crate::svg::{self, PlotFile};
use crate::{Lang, Place, RenderError, Rendered, Renderer, RunReport};
use escape::html;

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

    fn render(&self, report: &RunReport, lang: Lang, place: &Place) -> Result<Rendered, RenderError> {
        let plots = svg::plot_files(report);
        // Without plots there is no folder, and nothing links to it.
        let folder = place.folder.as_deref().filter(|_| !plots.is_empty());
        let text = markdown(report, lang, folder);
        let beside = match folder {
            Some(_) => plots.iter().map(|file| Ok((file.name.clone(), svg::svg(file.plot, lang)?))).collect(),
            None => Ok(Vec::new()),
        };
        Ok(Rendered { text, beside: beside.map_err(|error: svg::SvgError| error)? })
    }
}

/// The report: summary, what went wrong, environment, then each suite with its checks, tables and plots.
///
/// `images` is the folder, relative to the report's file and with `/` between its parts, where the pictures of
/// [`svg::plot_files`] lie. Without one a line of text stands for each plot.
pub fn markdown(report: &RunReport, lang: Lang, images: Option<&str>) -> String {
    let mut page = Page { text: String::new(), lang };
    head::head(&mut page, report);
    head::unwell(&mut page, report);
    head::failures(&mut page, report);
    head::notes(&mut page, report);
    page.heading("##", Label::Environment);
    page.block(table::table(&head::environment(report, lang)));
    if !report.environment.doctor.is_empty() {
        page.block(table::table(&head::doctor(report, lang)));
    }
    let pictures = Pictures { files: &svg::plot_files(report), folder: images };
    for result in &report.suites {
        suite::suite(&mut page, result, report, pictures);
    }
    page.text
}

/// Where pictures are.
#[derive(Clone, Copy)]
struct Pictures<'a> {
    files: &'a [PlotFile<'a>],
    folder: Option<&'a str>,
}

/// Blocks with one empty line between them, in one language.
struct Page {
    text: String,
    lang: Lang,
}

impl Page {
    fn block(&mut self, block: impl AsRef<str>) {
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
        self.block(format!("<details><summary>{}</summary>", html(summary)));
        fill(self);
        self.block("</details>");
    }
}

#[cfg(test)]
mod tests;
