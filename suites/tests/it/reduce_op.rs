//! `reduce-op` on two ranks, which are this binary started again: what it says of a sound group, and of each planted defect.

use std::io::stdout;

use dinov3_golden::manifest::Profile;
use dinov3_ranks::PremulSum;
use dinov3_reports::{Check, Collector, Section};
use dinov3_suites::SuiteError;
use dinov3_suites::defects::{CaughtBy, DEFECTS, Plant};
use dinov3_suites::reduce_op::{self, Request, Workers};

/// Where a started process does its part; its last argument says what. Without one, this is a test that has nothing to do.
#[test]
fn a_worker() {
    let last = std::env::args().next_back().unwrap_or_default();
    if last.starts_with('{') {
        reduce_op::work(&last, &mut stdout()).unwrap();
    }
}

fn request(premul: PremulSum, plant: Option<Plant>) -> Request {
    let backend = "gloo".to_owned();
    Request { profile: Profile::Quick, backend, device: None, premul: Some(premul), plant, seed: 1 }
}

fn workers(ranks: usize) -> Workers {
    let arguments = ["--exact", "reduce_op::a_worker", "--nocapture"].map(Into::into).into();
    Workers { program: std::env::current_exe().unwrap(), arguments, ranks }
}

fn run(ranks: usize, request: &Request) -> Result<(Vec<Check>, Vec<Section>), SuiteError> {
    let mut collector = Collector::default();
    reduce_op::run(request, &workers(ranks), &mut collector)?;
    let suite = &collector.suites()[0];
    Ok((suite.checks.clone(), suite.sections.clone()))
}

/// `PASS reduce-op/…` and so on, and what it says.
fn lines(checks: &[Check]) -> String {
    let line = |check: &Check| format!("{:7} {}: {}\n", check.verdict.name(), check.id, check.line());
    checks.iter().map(line).collect()
}

#[test]
fn a_sound_group_passes() {
    let (checks, sections) = run(2, &request(PremulSum::Emulated, None)).unwrap();
    insta::assert_snapshot!("reduce-op", lines(&checks));
    insta::assert_snapshot!("reduce-op-section", format!("{:#?}", sections[1].table.as_ref().map(|it| &it.rows[..8])));
}

#[test]
fn a_factor_that_is_ignored_is_told_op_by_op() {
    let (checks, _) = run(2, &request(PremulSum::Emulated, Some("premul-ignored".parse().unwrap()))).unwrap();
    let [check, ..] = &checks[..] else { panic!("checks") };
    let findings = check
        .findings
        .iter()
        .map(|it| format!("{}: {}\n  hint: {}\n", it.subject, it.text, it.hint.as_deref().unwrap_or("none")));
    let reason = check.verdict.reason().unwrap_or_default();
    let text = format!("{}{reason}\n{}", lines(&checks), findings.collect::<String>());
    insta::assert_snapshot!("reduce-op-premul-ignored", text);
}

#[test]
fn where_sum_stands_for_it_factor_1_says_nothing_and_all_else_is_refused() {
    let (checks, _) = run(2, &request(PremulSum::SumAtOne, None)).unwrap();
    insta::assert_snapshot!("reduce-op-sum-at-one", lines(&checks));
}

#[test]
fn one_rank_alone_proves_nothing() {
    let (checks, _) = run(1, &request(PremulSum::Emulated, None)).unwrap();
    assert!(checks.iter().all(|check| check.line() == "one rank alone exchanges nothing"), "{}", lines(&checks));
}

#[test]
fn ranks_that_fail_say_why() {
    let arguments = ["-c", "echo 'error: no such luck' >&2; exit 3"].map(Into::into).into();
    let workers = Workers { program: "/bin/sh".into(), arguments, ranks: 2 };
    let request = request(PremulSum::Emulated, None);
    let error = reduce_op::run(&request, &workers, &mut Collector::default()).unwrap_err();
    let expected = "rank 0 of 2 ended with exit code 3\n  no such luck\nhint: what it said itself is above";
    assert_eq!(error.to_string(), expected);
}

/// Each defect of the collectives turns the checks red that the registry says, and no other one, and its first finding is about what the
/// registry says. What it finds, and whether factor 1 still says something, is in the snapshot.
#[test]
fn defects_of_the_collectives_are_named() {
    let (mut text, mut checked) = (String::new(), 0);
    for defect in DEFECTS {
        let CaughtBy::Checks(expected) = defect.caught_by else { continue };
        let (checks, _) = run(2, &request(PremulSum::Emulated, Some(Plant { defect, block: 0 }))).unwrap();
        let red: Vec<&str> = checks.iter().filter(|it| it.verdict.name() == "fail").map(|it| it.id.as_str()).collect();
        let ids: Vec<String> = expected.red.iter().map(|it| format!("reduce-op/{it}")).collect();
        assert_eq!(red, ids, "{}: {}", defect.name, lines(&checks));
        let first = checks.iter().find_map(|check| check.findings.first()).expect("a failing check has findings");
        assert_eq!(first.subject, expected.finding, "{}", defect.name);
        let ones = ["all_reduce", "reduce_scatter"].map(|call| {
            let id = format!("reduce-op/factor-1/{call}");
            checks.iter().find(|it| it.id == id).expect("there is such a check").verdict.name()
        });
        text += &format!("{}\n  {}: {}\n  factor 1: {}\n", defect.name, first.subject, first.text, ones.join(", "));
        checked += 1;
    }
    assert_eq!(checked, 7);
    insta::assert_snapshot!("reduce-op-defects", text);
}
