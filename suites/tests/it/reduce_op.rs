//! `reduce-op` on two ranks, which are this binary started again: what it says of a sound group, and of each planted defect.

use std::io::stdout;

use dinov3_config::fault::Fault;
use dinov3_golden::manifest::Profile;
use dinov3_ranks::PremulSum;
use dinov3_reports::{Check, Collector, Section};
use dinov3_suites::SuiteError;
use dinov3_suites::reduce_op::{self, Request, Workers};

/// Where a started process does its part; its last argument says what. Without one, this is a test that has nothing to do.
#[test]
fn a_worker() {
    let last = std::env::args().next_back().unwrap_or_default();
    if last.starts_with('{') {
        reduce_op::work(&last, &mut stdout()).unwrap();
    }
}

fn request(premul: PremulSum, fault: Option<Fault>) -> Request {
    let backend = "gloo".to_owned();
    Request { profile: Profile::Quick, backend, device: None, premul: Some(premul), fault, seed: 1 }
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
    let (checks, _) = run(2, &request(PremulSum::Emulated, Some(Fault::PremulIgnored))).unwrap();
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

/// The checks that `fault` turns red, and what the first of them says; every other one passes, and factor 1 is `factor_1`.
fn check(fault: Fault, red: &[&str], first: &str, factor_1: [&str; 2]) {
    let (checks, _) = run(2, &request(PremulSum::Emulated, Some(fault))).unwrap();
    let found: Vec<&str> = checks.iter().filter(|it| it.verdict.name() == "fail").map(|it| it.id.as_str()).collect();
    let expected: Vec<String> = red.iter().map(|it| format!("reduce-op/{it}")).collect();
    assert_eq!(found, expected, "{}", lines(&checks));
    let said = checks.iter().find_map(|check| check.findings.first()).expect("a failing check has findings");
    let said = format!("{}: {}", said.subject, said.text);
    assert!(said.starts_with(first), "{said}");
    let verdicts = ["all_reduce", "reduce_scatter"]
        .map(|call| checks.iter().find(|it| it.id == format!("reduce-op/factor-1/{call}")).unwrap().verdict.name());
    assert_eq!(verdicts, factor_1, "{}", lines(&checks));
}

const ALL: [&str; 8] = [
    "all_reduce/f64",
    "all_reduce/f32",
    "all_reduce/f16",
    "all_reduce/bf16",
    "reduce_scatter/f64",
    "reduce_scatter/f32",
    "reduce_scatter/f16",
    "reduce_scatter/bf16",
];

#[test]
fn premul_ignored() {
    check(
        Fault::PremulIgnored,
        &ALL,
        "PREMUL_SUM(1/2), world 1, whole numbers (1 element): rank 0: 1 of 1 element wrong, at 0 first: -2.04448075139801e14 in place of -1.022240375699005e14",
        ["vacuous"; 2],
    );
}

#[test]
fn premul_twice() {
    check(
        Fault::PremulTwice,
        &ALL,
        "PREMUL_SUM(1/2), world 1, whole numbers (1 element): rank 0: 1 of 1 element wrong, at 0 first: -5.111201878495025e13 in place of -1.022240375699005e14",
        ["pass"; 2],
    );
}

#[test]
fn premul_bf16_zeros() {
    check(
        Fault::PremulBf16Zeros,
        &[ALL[3], ALL[7]],
        "PREMUL_SUM(1/2), world 1, whole numbers (1 element): rank 0: 1 of 1 element wrong, at 0 first: 0e0 in place of -4.45e1",
        ["pass"; 2],
    );
}

/// The average of two is PREMUL_SUM(1/2), which then is no other than what stands for SUM.
#[test]
fn avg_for_sum() {
    check(
        Fault::AvgForSum,
        &ALL,
        "SUM, world 2, whole numbers (1 element): rank 0: 1 of 1 element wrong, at 0 first: -1.62180182525369e14 in place of -3.24360365050738e14",
        ["vacuous"; 2],
    );
}

#[test]
fn wrong_chunk() {
    check(
        Fault::WrongChunk,
        &ALL[4..],
        "SUM, world 2, whole numbers (1 element): rank 0: 1 of 1 element wrong, at 0 first: 3.74702358329776e14 in place of -3.24360365050738e14",
        ["pass"; 2],
    );
}

/// What is lost is lost under every factor, and all there is where there is one element.
#[test]
fn lost_element() {
    check(
        Fault::LostElement,
        &ALL,
        "SUM, world 2, whole numbers (1 element): rank 0: 1 of 1 element wrong, at 0 first: -2.04448075139801e14 in place of -3.24360365050738e14",
        ["vacuous"; 2],
    );
}

#[test]
fn bf16_accumulation() {
    check(
        Fault::Bf16Accumulation,
        &[ALL[1], ALL[5]],
        "SUM, world 1, whole numbers (1 element): rank 0: 1 of 1 element wrong, at 0 first: -6.619136e6 in place of -6.605529e6",
        ["pass"; 2],
    );
}
