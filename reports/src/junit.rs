//! The report as JUnit XML, which CI systems read. It keeps to the schema of Jenkins' xUnit plugin.

use crate::message::{Count, Label, Pen, Say};
use crate::{
    Check, Figure, Finding, Lang, Place, RenderError, Rendered, Renderer, RunReport, SuiteResult, Verdict, number,
};
use quick_junit::{NonSuccessKind, Property, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};
use std::fmt::Write;
use std::time::Duration;

/// The format `junit`.
#[derive(Clone, Copy, Debug)]
pub struct Junit;

impl Renderer for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn ending(&self) -> &'static str {
        ".xml"
    }

    fn about(&self) -> &'static str {
        "JUnit, for CI"
    }

    fn render(&self, report: &RunReport, lang: Lang, _: &Place) -> Result<Rendered, RenderError> {
        Ok(junit(report, lang)?.into())
    }
}

/// A test case a check, a test suite a suite. A vacuous check is a failure, or a skipped one if it is allowed by name:
/// never a success. Characters that XML forbids are dropped.
///
/// # Errors
/// None that a report can cause; the serialiser's are passed on.
pub fn junit(report: &RunReport, lang: Lang) -> Result<String, SerializeError> {
    let mut document = Report::new(report.tool.name.as_str());
    document.set_time(duration(report.environment.seconds));
    document.add_test_suites(report.suites.iter().map(|result| suite(result, report, lang)));
    if !report.complete && !report.suites.iter().any(|suite| suite.suite == crate::RUN) {
        document.add_test_suite(cut_short(lang));
    }
    Ok(without_skipped(&document.to_string()?))
}

/// A suite of one failing case: whoever counts cases is to count this run as failed.
fn cut_short(lang: Lang) -> TestSuite {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(Label::CutShort.say(lang, Pen::Plain));
    let mut suite = TestSuite::new(crate::RUN);
    suite.add_test_case(TestCase::new("run/complete", status));
    suite
}

/// The same document without the attribute `skipped` of its root, which Jenkins' schema knows for a suite alone.
fn without_skipped(document: &str) -> String {
    let root = document.find("<testsuites ").unwrap_or(0);
    let end = document[root..].find('>').map_or(root, |end| root + end);
    let head = &document[root..end];
    let Some(start) = head.find(" skipped=\"") else { return document.to_owned() };
    let length = head[start + 10..].find('"').map_or(0, |quote| quote + 11);
    format!("{}{}{}", &document[..root + start], &head[start + length..], &document[end..])
}

fn suite(result: &SuiteResult, report: &RunReport, lang: Lang) -> TestSuite {
    let mut suite = TestSuite::new(result.suite.as_str());
    suite.set_time(duration(result.seconds));
    let environment = &report.environment;
    let threads = environment.threads.to_string();
    let tool = report.tool.to_string();
    let (proves, judged) = (result.proves.plain(lang), environment.judged.say(lang, Pen::Plain));
    let mut properties = vec![
        ("proves", proves.as_str()),
        ("tool", &tool),
        ("libtorch", &environment.libtorch),
        ("device", &judged),
        ("cpu", &environment.cpu),
        ("cpu_capability", &environment.cpu_capability),
        ("threads", &threads),
    ];
    properties.extend(environment.pins.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    suite.add_properties(properties.into_iter().map(|(name, value)| Property::new(name, value)));
    let bad = environment.doctor.iter().filter(|line| line.state().is_bad());
    suite.add_properties(bad.map(|line| Property::new("doctor", line.quoted(lang))));
    suite.add_test_cases(
        result.checks.iter().map(|check| case(check, &result.suite, report.gates_as_failure(check), lang)),
    );
    suite
}

fn case(check: &Check, suite: &str, fails: bool, lang: Lang) -> TestCase {
    let mut case = TestCase::new(check.id.as_str(), status(check, fails, lang));
    case.set_classname(suite).set_time(duration(check.seconds));
    let summary = check.summary.as_ref().map_or_else(String::new, |it| it.plain(lang));
    let judged = check.judged.as_ref().map_or_else(String::new, |judged| {
        let who = Count::Who(judged.say(lang, Pen::Plain)).say(lang, Pen::Plain);
        let golden = check.golden.as_ref().and_then(|it| it.manifest.as_deref());
        let hashes = [("manifest", judged.manifest.as_deref()), ("golden manifest", golden)];
        let hashes = hashes.into_iter().filter_map(|(name, hash)| Some(format!("\n{name} {}", hash?)));
        format!("\n{who}{}", hashes.collect::<String>())
    });
    case.set_system_out(format!("{}\n{summary}{judged}", check.title.plain(lang)).trim_end());
    case
}

fn status(check: &Check, fails: bool, lang: Lang) -> TestCaseStatus {
    let label = |label: Label| label.say(lang, Pen::Plain);
    let (kind, before, reason) = match &check.verdict {
        Verdict::Pass => return TestCaseStatus::success(),
        Verdict::Fail { reason } => (Some(NonSuccessKind::Failure), None, reason),
        Verdict::Skipped { reason } => (None, None, reason),
        Verdict::Error { reason } => (Some(NonSuccessKind::Error), None, reason),
        Verdict::Vacuous { reason } if fails => (Some(NonSuccessKind::Failure), Some(label(Label::IsVacuous)), reason),
        Verdict::Vacuous { reason } => (None, Some(label(Label::Allowed)), reason),
    };
    let reason = reason.plain(lang);
    let reason = before.map_or_else(|| reason.clone(), |before| format!("{before}{}{reason}", lang.colon()));
    let mut status = kind.map_or_else(TestCaseStatus::skipped, TestCaseStatus::non_success);
    status.set_message(reason).set_type(check.verdict.name());
    let text = description(check, lang);
    if !text.is_empty() {
        status.set_description(text);
    }
    status
}

/// Figures, limits and all findings, as plain text.
fn description(check: &Check, lang: Lang) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for Figure { key: _, name, value, unit, limit } in &check.figures {
        let unit = unit.as_ref().map_or_else(String::new, |unit| format!(" {}", unit.plain(lang)));
        let _ = write!(text, "{}{}{}{unit}", name.plain(lang), lang.colon(), number::figure(*value));
        if let Some(limit) = limit {
            let word = Label::Limit.say(lang, Pen::Plain);
            let _ = write!(text, "{}{word} {}{unit}", lang.of(", ", "，"), number::figure(limit.0));
        }
        text.push('\n');
    }
    for Finding { subject, text: what, hint } in &check.findings {
        let _ = writeln!(text, "{}{}{}", subject.plain(lang), lang.colon(), what.plain(lang));
        if let Some(hint) = hint {
            let (label, space) = (Label::Hint.say(lang, Pen::Plain), lang.of(" ", ""));
            let _ = writeln!(text, "  {label}{space}{}", hint.plain(lang));
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
    use crate::{Message, fixture};

    #[test]
    fn a_report() {
        insta::assert_snapshot!(junit(&fixture::report(), Lang::En).unwrap());
        insta::assert_snapshot!("a_report_in_chinese", junit(&fixture::report(), Lang::Zh).unwrap());
    }

    /// `xmllint --schema junit-10.xsd` of Jenkins' xUnit plugin refuses it there, and nothing else.
    #[test]
    fn the_root_has_no_attribute_that_jenkins_refuses() {
        let text = junit(&fixture::report(), Lang::En).unwrap();
        let root = text.lines().nth(1).unwrap();
        assert_eq!(root, r#"<testsuites name="dinov3-harness" tests="4" failures="2" errors="0" time="23.400">"#);
        assert!(text.contains(r#"<testsuite name="layers" tests="3" skipped="1""#), "{text}");
        assert_eq!(without_skipped("<a/>"), "<a/>");
    }

    #[test]
    fn a_run_that_was_cut_short_has_a_case_that_says_so() {
        let mut report = fixture::report();
        report.complete = false;
        let text = junit(&report, Lang::En).unwrap();
        assert!(text.contains(r#"<error message="the run was cut short"#), "{text}");
    }

    #[test]
    fn an_allowed_vacuous_check_is_skipped_not_passed() {
        let mut report = fixture::report();
        assert!(junit(&report, Lang::En).unwrap().contains(r#"tests="4" failures="2""#));
        report.allow_vacuous = vec!["reduce-op/factor-1/all_reduce".to_owned()];
        let text = junit(&report, Lang::En).unwrap();
        assert!(text.contains(r#"tests="4" failures="1""#), "{text}");
        assert!(text.contains(r#"<skipped message="vacuous, allowed by name: one rank alone"#), "{text}");
    }

    #[test]
    fn control_characters_and_broken_clocks_do_no_harm() {
        let mut report = fixture::report();
        report.suites[0].checks[1].findings[0].text = Message::name("bell \u{7} and \u{1b}[31mred");
        report.suites[0].seconds = f64::NAN;
        report.environment.seconds = -1.0;
        let text = junit(&report, Lang::En).unwrap();
        assert!(!text.contains(['\u{7}', '\u{1b}']), "{text}");
    }
}
