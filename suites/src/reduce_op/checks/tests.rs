//! Findings that no planted defect brings about, from outcomes that are made up.

use super::super::format::FORMATS;
use super::super::grid::Family;
use super::super::steps::Left;
use super::*;

const SOUND: Outcome =
    Outcome { wrong: 0, first: (0, 0.0, 0.0), roundings: 0.5, hash: 7, as_sum: false, refused: false };

/// What two ranks found out about every op on one tensor of random numbers, changed by `change`.
fn found(premul: PremulSum, change: impl Fn(Op, usize, &mut Outcome)) -> (Found, Check) {
    let mut found = Found {
        premul,
        backend: "gloo".to_owned(),
        seed: 0,
        drawn: 0.75,
        blocks: Vec::new(),
        ranks: 2,
        fillings: vec![Filling { family: Family::Random, length: 5 }],
    };
    let outcome = |op, rank| {
        let mut outcome = Outcome { as_sum: matches!(op, Op::Sum | Op::Fraction(1)), ..SOUND };
        change(op, rank, &mut outcome);
        outcome
    };
    let outcomes = Op::ALL.iter().map(|op| (0..2).map(|rank| outcome(*op, rank)).collect()).collect();
    let check = found.block(Call::AllReduce, FORMATS[1], vec![World { size: 2, outcomes }]);
    (found, check)
}

fn said(check: &Check) -> Vec<String> {
    check.findings.iter().map(|it| format!("{}: {}", it.subject, it.text)).collect()
}

#[test]
fn what_is_sound_passes() {
    let (found, check) = found(PremulSum::Emulated, |_, _, _| {});
    assert_eq!((check.verdict, found.factor_one(Call::AllReduce).verdict), (Verdict::Pass, Verdict::Pass));
}

#[test]
fn ranks_that_hold_different_bits_are_named() {
    let (_, check) = found(PremulSum::Emulated, |op, rank, it| it.hash += u64::from(op == Op::Avg && rank == 1));
    let expected = "AVG, world 2, random numbers (5 elements): ranks 0 and 1 hold different bits, both within rounding";
    assert_eq!(said(&check), [expected]);
    assert_eq!(check.verdict.reason().map(ToString::to_string).as_deref(), Some("wrong under AVG"));
}

#[test]
fn a_factor_of_one_that_is_not_sum_fails() {
    let (found, check) = found(PremulSum::Emulated, |op, rank, it| it.as_sum &= !(op == Op::Fraction(1) && rank == 1));
    assert_eq!(check.verdict, Verdict::Pass, "both are sums, rounded in another order perhaps");
    let check = found.factor_one(Call::AllReduce);
    assert_eq!(said(&check), ["world 2, random numbers: not SUM's bits"]);
    assert_eq!(check.verdict.name(), "fail");
}

#[test]
fn an_op_that_is_refused_was_asked_for_in_vain() {
    let (_, check) = found(PremulSum::Emulated, |op, _, it| it.refused = op == Op::Times(2.0));
    assert_eq!(said(&check), ["PREMUL_SUM(2), world 2, random numbers (5 elements): refused on 2 of 2 ranks"]);
}

#[test]
fn where_sum_is_substituted_every_other_op_must_be_refused() {
    let refuses = |op| !matches!(op, Op::Sum | Op::Fraction(1) | Op::Avg);
    let (_, check) = found(PremulSum::SumAtOne, |op, _, it| it.refused = refuses(op));
    let expected = "AVG, world 2, random numbers (5 elements): not refused, although SUM stands for PREMUL_SUM";
    assert_eq!(said(&check), [expected]);
}

#[test]
fn weights_that_differ_fail_and_a_factor_that_does_not_count_is_vacuous() {
    let (found, _) = found(PremulSum::Emulated, |_, _, _| {});
    let left = Left { sum: Some(1), one: Some(1), half: Some(2) };
    let verdict = |left: &[Left]| found.steps(&Trained::Left(left.to_vec())).verdict.name();
    assert_eq!(verdict(&[left; 2]), "pass");
    assert_eq!(verdict(&[left, Left { one: Some(3), ..left }]), "fail");
    assert_eq!(verdict(&[left, Left { sum: Some(3), one: Some(3), ..left }]), "fail");
    assert_eq!(verdict(&[left, Left { half: Some(1), ..left }]), "vacuous");
    assert_eq!(verdict(&[left, Left { half: None, ..left }]), "vacuous");
    assert_eq!(found.steps(&Trained::NoTrainer { device: "npu:0".to_owned() }).verdict.name(), "skipped");
}
