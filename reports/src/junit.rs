//! The report as JUnit XML, which CI systems read.

use crate::{Check, Finding, RunReport, SuiteResult, Verdict};
use quick_junit::{NonSuccessKind, Property, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};
use std::fmt::Write;
use std::time::Duration;

/// A test case a check, a test suite a suite. A vacuous check is a failure, or a skipped one if it is allowed by name:
/// never a success. Characters that XML forbids are dropped.
///
/// # Errors
/// None that a report can cause; the serialiser's are passed on.
pub fn junit(report: &RunReport) -> Result<String, SerializeError> {
    let mut document = Report::new(report.tool.name.as_str());
    document.set_time(duration(report.environment.seconds));
    document.add_test_suites(report.suites.iter().map(|result| suite(result, report)));
    document.to_string()
}

fn suite(result: &SuiteResult, report: &RunReport) -> TestSuite {
    let mut suite = TestSuite::new(result.suite.as_str());
    suite.set_time(duration(result.seconds));
    let environment = &report.environment;
    let threads = environment.threads.to_string();
    let tool = report.tool.to_string();
    let mut properties = vec![
        ("proves", result.proves.as_str()),
        ("tool", &tool),
        ("libtorch", &environment.libtorch),
        ("device", &environment.device),
        ("cpu", &environment.cpu),
        ("cpu_capability", &environment.cpu_capability),
        ("threads", &threads),
    ];
    properties.extend(environment.pins.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    suite.add_properties(properties.into_iter().map(|(name, value)| Property::new(name, value)));
    suite.add_test_cases(result.checks.iter().map(|check| case(check, &result.suite, report.gates_as_failure(check))));
    suite
}

fn case(check: &Check, suite: &str, fails: bool) -> TestCase {
    let mut case = TestCase::new(check.id.as_str(), status(check, fails));
    case.set_classname(suite).set_time(duration(check.seconds));
    case.set_system_out(format!("{}\n{}", check.title, check.summary).trim_end());
    case
}

fn status(check: &Check, fails: bool) -> TestCaseStatus {
    let (kind, reason) = match &check.verdict {
        Verdict::Pass => return TestCaseStatus::success(),
        Verdict::Fail { reason } => (Some(NonSuccessKind::Failure), reason.clone()),
        Verdict::Skipped { reason } => (None, reason.clone()),
        Verdict::Vacuous { reason } if fails => (Some(NonSuccessKind::Failure), format!("vacuous: {reason}")),
        Verdict::Vacuous { reason } => (None, format!("vacuous, allowed by name: {reason}")),
    };
    let mut status = kind.map_or_else(TestCaseStatus::skipped, TestCaseStatus::non_success);
    status.set_message(reason).set_type(check.verdict.name());
    let text = description(check);
    if !text.is_empty() {
        status.set_description(text);
    }
    status
}

/// Figure, limit and all findings, as plain text.
fn description(check: &Check) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    if let Some(figure) = &check.figure {
        let _ = write!(text, "measured {figure}");
        if let Some(limit) = &check.limit {
            let _ = write!(text, ", limit {limit}");
        }
        text.push('\n');
    }
    for Finding { subject, text: what, hint } in &check.findings {
        let _ = writeln!(text, "{subject}: {what}");
        if let Some(hint) = hint {
            let _ = writeln!(text, "  hint: {hint}");
        }
    }
    text
}

/// Durations that are negative or not finite, which only a broken clock makes, count as zero.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_report() {
        insta::assert_snapshot!(junit(&fixture::report()).unwrap());
    }

    #[test]
    fn an_allowed_vacuous_check_is_skipped_not_passed() {
        let mut report = fixture::report();
        assert!(junit(&report).unwrap().contains(r#"tests="4" skipped="1" failures="2""#));
        report.allow_vacuous = vec!["reduce_op/premul_sum".to_owned()];
        let text = junit(&report).unwrap();
        assert!(text.contains(r#"tests="4" skipped="2" failures="1""#), "{text}");
        assert!(text.contains(r#"<skipped message="vacuous, allowed by name: at world size 1"#), "{text}");
    }

    #[test]
    fn control_characters_and_broken_clocks_do_no_harm() {
        let mut report = fixture::report();
        report.suites[0].checks[1].findings[0].text = "bell \u{7} and \u{1b}[31mred".to_owned();
        report.suites[0].seconds = f64::NAN;
        report.environment.seconds = -1.0;
        let text = junit(&report).unwrap();
        assert!(!text.contains(['\u{7}', '\u{1b}']), "{text}");
    }
}
