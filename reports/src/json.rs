//! The report as JSON, and back.

use crate::{Counts, Environment, Gate, RunReport, SCHEMA_VERSION, SuiteResult, Tool};
use dinov3_ground::{Hint, Hints};
use serde::{Deserialize, Serialize};

/// A report could not be read.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Not JSON at all, or not the JSON of a report of this version.
    #[error("this is not a report: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A report that another version of the program wrote.
    #[error("this report has schema version {found}; this program reads version {SCHEMA_VERSION}")]
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

/// What the file holds: the report, and what follows from it, so that a script need not know how a gate is found.
#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    gate: Gate,
    counts: Counts,
    tool: &'a Tool,
    environment: &'a Environment,
    allow_vacuous: &'a [String],
    suites: &'a [SuiteResult],
}

/// The version alone, which must be read before anything that depends on it.
#[derive(Deserialize)]
struct Header {
    schema_version: u64,
}

/// The report as indented JSON with a final newline. Beside the fields of [`RunReport`] it has `gate` and `counts`. A number that is not
/// finite is the string `"NaN"`, `"inf"` or `"-inf"`.
///
/// # Errors
/// None that a report can cause; the serialiser's are passed on.
pub fn to_json(report: &RunReport) -> Result<String, serde_json::Error> {
    let document = Document {
        schema_version: report.schema_version,
        gate: report.gate(),
        counts: report.counts(),
        tool: &report.tool,
        environment: &report.environment,
        allow_vacuous: &report.allow_vacuous,
        suites: &report.suites,
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// Reads what [`to_json`] wrote. `gate` and `counts` follow from the checks and are not read.
///
/// # Errors
/// [`JsonError::Version`] before all else if another schema version wrote it, [`JsonError::Malformed`] if it is no report.
pub fn from_json(text: &str) -> Result<RunReport, JsonError> {
    let Header { schema_version: found } = serde_json::from_str(text)?;
    if found != u64::from(SCHEMA_VERSION) {
        return Err(JsonError::Version { found });
    }
    Ok(serde_json::from_str(text)?)
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

    #[test]
    fn another_version_is_refused_whatever_else_it_holds() {
        let error = from_json(r#"{"schema_version": 2, "suites": "renamed"}"#).unwrap_err();
        insta::assert_snapshot!(dinov3_ground::hint::text(&error), @"
        this report has schema version 2; this program reads version 1
        hint: read it with the program that wrote it, or run the checks again
        ");
    }

    #[test]
    fn what_is_no_report_is_refused() {
        let text = to_json(&fixture::report()).unwrap();
        for text in ["", "{}", "[1]", &text[..text.len() / 2], r#"{"schema_version": 1}"#] {
            assert!(matches!(from_json(text), Err(JsonError::Malformed(_))), "{text}");
        }
        insta::assert_snapshot!(dinov3_ground::hint::text(&from_json(r#"{"schema_version": 1}"#).unwrap_err()), @"
        this is not a report: missing field `tool` at line 1 column 21
        hint: give a file that `--report FILE.json` wrote; it may be cut off
        ");
    }
}
