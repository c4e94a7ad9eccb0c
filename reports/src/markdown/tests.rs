use super::figures::FINDINGS_SHOWN;
use super::*;
use crate::{Check, Judged, Verdict, fixture};

fn english(report: &RunReport) -> String {
    markdown(report, Lang::En, None)
}

#[test]
fn a_report_with_pictures() {
    insta::assert_snapshot!(markdown(&fixture::report(), Lang::En, Some("my report_files")));
}

#[test]
fn a_report_in_chinese() {
    insta::assert_snapshot!(markdown(&fixture::report(), Lang::Zh, Some("my report_files")));
}

#[test]
fn a_report_without_pictures_says_so() {
    let text = english(&fixture::report());
    assert!(!text.contains("!["));
    assert!(text.contains("Plot: vit_small, fp32: error against the float64 truth (drawn in"), "{text}");
}

#[test]
fn a_passing_report_lists_no_failures() {
    let mut report = fixture::report();
    report.suites[0].checks.remove(1);
    report.allow_vacuous = vec!["reduce-op/factor-1/all_reduce".to_owned()];
    let text = english(&report);
    assert!(text.starts_with("# dinov3-harness: PASS\n"), "{text}");
    assert!(!text.contains("What failed"), "{text}");
    assert!(text.contains("vacuous checks allowed"), "{text}");
    assert!(text.contains("All 2 tensors have the reference's bits"), "{text}");
}

#[test]
fn many_findings_are_folded() {
    let mut report = fixture::report();
    let findings = &mut report.suites[0].checks[1].findings;
    let last = findings[2].clone();
    findings.resize(FINDINGS_SHOWN + 3, last);
    let text = english(&report);
    assert!(text.contains("<details><summary>3 more findings</summary>\n\n* `"), "{text}");
}

#[test]
fn a_run_that_proved_nothing_says_so() {
    let mut report = fixture::report();
    report.suites.truncate(1);
    report.suites[0].checks.drain(..2);
    assert!(matches!(report.suites[0].checks[..], [Check { verdict: Verdict::Skipped { .. }, .. }]));
    let text = english(&report);
    assert!(text.contains("The run counts as failed: nothing passed, so nothing was proved."), "{text}");
}

/// Seen to be taken for the machine of the runs.
#[test]
fn the_machine_that_judges_is_not_that_of_the_runs() {
    let mut report = fixture::report();
    let said = "## Judged by\n\nThe machine that read and judged.";
    assert!(!english(&report).contains(said));
    report.environment.judged = Judged::Runs { names: vec!["a".to_owned()] };
    assert!(english(&report).contains(said));
}

#[test]
fn a_run_that_was_cut_short_says_so() {
    let mut report = fixture::report();
    report.complete = false;
    let text = english(&report);
    assert!(text.contains("The run counts as failed: the run was cut short"), "{text}");
}

/// The job summary of GitHub takes a mebibyte. Thousands of tensors that differ are cut to the worst, and those that do not are counted.
#[test]
fn a_large_run_is_short() {
    let mut report = fixture::report();
    let check = &mut report.suites[0].checks[1];
    let tensor = check.tensors[1].clone();
    check.tensors.resize(1000, tensor);
    let check = check.clone();
    report.suites[0].checks.resize(40, check);
    let text = english(&report);
    assert!(text.len() < 400_000, "{}", text.len());
    assert!(text.contains("990 more tensors are left out, 1 of them identical. The JSON report and the one that ends in .tensors.csv have all."), "{text}");
}
