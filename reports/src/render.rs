//! The formats of reports: one slice, from which the command line, its help and the files follow.

use crate::{Lang, RunReport, csv, html, json, junit, markdown, sarif, script_file, tensorboard};
use dinov3_ground::{Hint, Hints, list};
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Every format, in the order in which help lists them. One more is a file and a row here.
pub const RENDERERS: &[&dyn Renderer] = &[
    &json::Json,
    &markdown::Markdown,
    &html::Html,
    &junit::Junit,
    &csv::Checks,
    &csv::Tensors,
    &sarif::Sarif,
    &script_file::ScriptFile,
    &tensorboard::TensorBoard,
];

/// A form that a report can take.
pub trait Renderer: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// How the name of its files ends, the dot included. Of two that fit a name the longer one counts.
    fn ending(&self) -> &'static str;

    /// What it is for, in a few words: help.
    fn about(&self) -> &'static str;

    /// Whether it holds the findings of checks, and not their verdicts alone.
    fn has_findings(&self) -> bool {
        true
    }

    /// Whether pictures belong to it, in a folder beside its file.
    fn has_pictures(&self) -> bool {
        false
    }

    /// The report in this form.
    ///
    /// # Errors
    /// No report is known to cause one; a library's are passed on.
    fn render(&self, report: &RunReport, lang: Lang, place: &Place) -> Result<Rendered, RenderError>;
}

/// Where a report goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The name of a folder beside the report's file for the files that belong to it; none where it is printed.
    pub folder: Option<String>,
}

/// A report in some form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The bytes; those of a text in UTF-8, if the format is one for people.
    pub bytes: Vec<u8>,
    /// Files of the folder beside it: name and text.
    pub beside: Vec<(String, String)>,
}

impl From<String> for Rendered {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<Vec<u8>> for Rendered {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, beside: Vec::new() }
    }
}

/// A report could not be rendered: the error of the library that renders it. It is no `Error` itself, so that each of those becomes one.
#[derive(Debug)]
pub struct RenderError(Box<dyn Error + Send + Sync>);

impl<E: Error + Send + Sync + 'static> From<E> for RenderError {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// One of [`RENDERERS`].
#[derive(Clone, Copy)]
pub struct Format(&'static dyn Renderer);

impl Format {
    /// Every format.
    pub fn all() -> impl Iterator<Item = Self> {
        RENDERERS.iter().map(|renderer| Self(*renderer))
    }

    /// Its renderer.
    pub fn renderer(self) -> &'static dyn Renderer {
        self.0
    }

    /// The format that the ending of `path` asks for, in upper or lower case.
    pub fn of_path(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        // A name that is nothing but an ending has none.
        let fits = |format: &Self| name.len() > format.0.ending().len() && name.ends_with(format.0.ending());
        Self::all().filter(fits).max_by_key(|format| format.0.ending().len())
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Format").field(&self.0.name()).finish()
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.0.name())
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.0.name() == other.0.name()
    }
}

/// A format of that name does not exist.
#[derive(Debug, thiserror::Error)]
#[error("there is no format `{0}`")]
pub struct UnknownFormat(String);

impl Hint for UnknownFormat {
    fn hints(&self) -> Hints {
        format!("use one of {}", list::or(RENDERERS.iter().map(|renderer| renderer.name()))).into()
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::all().find(|format| format.0.name() == name).ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// The endings that a file of a report may have: `.json, .md or .xml`.
pub fn endings() -> String {
    list::or(RENDERERS.iter().map(|renderer| renderer.ending()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_endings_tell_formats_apart() {
        for format in Format::all() {
            assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
            let ending = format.renderer().ending();
            assert_eq!(Format::of_path(Path::new(&format!("folder/A{}", ending.to_uppercase()))), Some(format));
            assert!(!format.renderer().about().is_empty());
        }
        assert_eq!(Format::of_path(Path::new("a.tensors.csv")).map(|it| it.to_string()), Some("tensors".to_owned()));
        for name in ["a.pdf", "csv", ".csv", "."] {
            assert_eq!(Format::of_path(Path::new(name)), None, "{name}");
        }
    }
}
