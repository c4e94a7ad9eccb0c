//! Failing checks as SARIF 2.1.0, which code hosts show as annotations. A finding about a tensor points at the file of the reference that
//! computes it.

mod places;

use crate::{Check, Finding, Lang, Place, RenderError, Rendered, Renderer, RunReport};
use serde_json::{Value, json};

/// The format `sarif`.
#[derive(Clone, Copy, Debug)]
pub struct Sarif;

impl Renderer for Sarif {
    fn name(&self) -> &'static str {
        "sarif"
    }

    fn ending(&self) -> &'static str {
        ".sarif"
    }

    fn about(&self) -> &'static str {
        "SARIF, for annotations of a code host"
    }

    fn render(&self, report: &RunReport, lang: Lang, _: &Place) -> Result<Rendered, RenderError> {
        Ok((serde_json::to_string_pretty(&sarif(report, lang))? + "\n").into())
    }
}

/// So many findings of one check: hosts take five thousand results in all.
const FINDINGS: usize = 20;

/// A result for each finding of each check that makes the run fail; one for a check without findings.
pub fn sarif(report: &RunReport, lang: Lang) -> Value {
    let failing = report.checks().filter(|check| report.gates_as_failure(check));
    let results: Vec<Value> = failing.flat_map(|check| of_check(check, lang)).collect();
    let rules: Vec<Value> = report
        .suites
        .iter()
        .map(|suite| json!({"id": suite.suite, "shortDescription": {"text": suite.proves.plain(lang)}}))
        .collect();
    let tool = &report.tool;
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": tool.name, "version": tool.version, "rules": rules}},
            "results": results,
        }],
    })
}

fn of_check(check: &Check, lang: Lang) -> Vec<Value> {
    let rule = check.id.split('/').next().unwrap_or_default();
    let result = |text: String, tensor: Option<&str>| {
        let file = tensor.and_then(places::file).unwrap_or(places::UNKNOWN);
        let name = tensor.unwrap_or(&check.id);
        json!({
            "ruleId": rule,
            "level": "error",
            "message": {"text": text},
            "locations": [{
                "physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": 1}},
                "logicalLocations": [{"fullyQualifiedName": name}],
            }],
        })
    };
    if check.findings.is_empty() {
        let why = check.line().map(|line| line.plain(lang)).unwrap_or_default();
        return vec![result(format!("{}{}{why}", check.id, lang.colon()), None)];
    }
    let text = |finding: &Finding| {
        let subject = finding.subject.plain(lang);
        format!("{}{1}{subject}{1}{2}", check.id, lang.colon(), finding.text.plain(lang))
    };
    check.findings.iter().take(FINDINGS).map(|it| result(text(it), it.subject.as_name())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn each_finding_points_at_the_file_that_computes_the_tensor() {
        let text = serde_json::to_string_pretty(&sarif(&fixture::report(), Lang::En)).unwrap();
        insta::assert_snapshot!(text);
    }
}
