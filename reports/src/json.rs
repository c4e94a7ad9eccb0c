//! The report as JSON, and back. The schema is the module `schema`; it stands in `reports/schema/report.schema.json`.

mod old;

use crate::{Counts, Environment, Gate, Lang, Message, RunReport, SCHEMA_VERSION, SuiteResult, Tool};
use crate::{Place, RenderError, Rendered, Renderer};
use dinov3_ground::{Hint, Hints};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The format `json`.
#[derive(Clone, Copy, Debug)]
pub struct Json;

impl Renderer for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn ending(&self) -> &'static str {
        ".json"
    }

    fn about(&self) -> &'static str {
        "Everything, for programs: the same in all languages"
    }

    fn render(&self, report: &RunReport, _: Lang, _: &Place) -> Result<Rendered, RenderError> {
        Ok(to_json(report)?.into())
    }
}

/// A report could not be read.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Not JSON at all, or not the JSON of a report of this version.
    #[error("this is not a report: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A report that a newer version of the program wrote.
    #[error("this report has schema version {found}; this program reads versions 1 to {SCHEMA_VERSION}")]
    Version {
        /// The version that the file names.
        found: u64,
    },
}

impl Hint for JsonError {
    fn hints(&self) -> Hints {
        match self {
            Self::Malformed(_) => "give a file that `--report FILE.json` wrote; it may be cut off".into(),
            Self::Version { .. } => "read it with the program that wrote it, or run the checks again".into(),
        }
    }
}

/// A report: what a run found out, and what follows from it, so that a script need not know how a gate is found.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Report")]
pub(crate) struct Document<'a> {
    /// Version of this form: 2.
    schema_version: u32,
    /// Whether the run counts as passed.
    gate: Gate,
    /// How many checks reached each verdict.
    counts: Counts,
    /// The program that ran.
    tool: &'a Tool,
    /// What it ran on.
    environment: &'a Environment,
    /// Ids of the checks that may be vacuous without failing the run.
    allow_vacuous: &'a [String],
    /// Whether the run came to its end. What is known of one that was cut short cannot count as passed.
    complete: bool,
    /// What there was to remark, such as an image that cannot be used; each remark once.
    notes: &'a [Message],
    /// The suites, in the order in which they ran.
    suites: &'a [SuiteResult],
}

/// The version alone, which must be read before anything that depends on it.
#[derive(Deserialize)]
struct Header {
    schema_version: u64,
}

/// The report as indented JSON with a final newline; each tensor, row and point takes one line. Beside the fields of [`RunReport`] it has
/// `gate` and `counts`. A number that is not finite is the string `"NaN"`, `"inf"` or `"-inf"`.
///
/// # Errors
/// None that a report can cause; the serialiser's are passed on.
pub fn to_json(report: &RunReport) -> Result<String, serde_json::Error> {
    let document = Document {
        schema_version: SCHEMA_VERSION,
        gate: report.gate(),
        counts: report.counts(),
        tool: &report.tool,
        environment: &report.environment,
        allow_vacuous: &report.allow_vacuous,
        complete: report.complete,
        notes: &report.notes,
        suites: &report.suites,
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// Reads what [`to_json`] wrote, now or when schema 1 was in force; of the latter it keeps the sentences as they are. `gate` and `counts`
/// follow from the checks and are not read.
///
/// # Errors
/// [`JsonError::Version`] before all else if a newer schema version wrote it, [`JsonError::Malformed`] if it is no report.
pub fn from_json(text: &str) -> Result<RunReport, JsonError> {
    match serde_json::from_str(text)? {
        Header { schema_version: 1 } => Ok(serde_json::from_str::<old::Report>(text)?.into()),
        Header { schema_version } if schema_version == u64::from(SCHEMA_VERSION) => Ok(serde_json::from_str(text)?),
        Header { schema_version: found } => Err(JsonError::Version { found }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_report() {
        insta::assert_snapshot!(to_json(&fixture::report()).unwrap());
    }

    #[test]
    fn round_trip() {
        let report = fixture::report();
        let text = to_json(&report).unwrap();
        let back = from_json(&text).unwrap();
        // NaN equals nothing, itself included: the debug text tells every field and every digit.
        assert_eq!(format!("{back:?}"), format!("{report:?}"));
        assert_eq!(to_json(&back).unwrap(), text);
    }

    /// A file that version 0.1.0 wrote of the fixture of its day.
    #[test]
    fn schema_1_is_still_read_and_its_sentences_kept() {
        let report = from_json(include_str!("json/tests/schema-1.json")).unwrap();
        let text = to_json(&report).unwrap();
        let back = from_json(&text).unwrap();
        assert_eq!(format!("{back:?}"), format!("{report:?}"));
        insta::assert_snapshot!(crate::markdown::markdown(&report, Lang::En, Some("r_files")));
    }

    #[test]
    fn a_newer_version_is_refused_whatever_else_it_holds() {
        let error = from_json(r#"{"schema_version": 3, "suites": "renamed"}"#).unwrap_err();
        insta::assert_snapshot!(dinov3_ground::hint::text(&error), @"
        this report has schema version 3; this program reads versions 1 to 2
        hint: read it with the program that wrote it, or run the checks again
        ");
    }

    #[test]
    fn what_is_no_report_is_refused() {
        let text = to_json(&fixture::report()).unwrap();
        for text in ["", "{}", "[1]", &text[..text.len() / 2], r#"{"schema_version": 1}"#, r#"{"schema_version": 2}"#] {
            assert!(matches!(from_json(text), Err(JsonError::Malformed(_))), "{text}");
        }
        insta::assert_snapshot!(dinov3_ground::hint::text(&from_json(r#"{"schema_version": 2}"#).unwrap_err()), @"
        this is not a report: missing field `tool` at line 1 column 21
        hint: give a file that `--report FILE.json` wrote; it may be cut off
        ");
    }
}
