//! The same bits as the reference over all recorded steps, wherever the fingerprints match; elsewhere rounding over one step.

use dinov3_golden::{Expectation, Outcome, Precision, Stage};
use dinov3_suites::training::Training;

use super::quick_sets;
use crate::fixture::{another_machine, expectation, judged_by, libtorch, set};

#[test]
fn every_set_at_every_precision() {
    let _stream = libtorch();
    let mut compared = 0;
    for set in quick_sets() {
        for precision in [Precision::Fp32, Precision::Bf16] {
            if set.manifest().precisions.get(precision).is_none() {
                continue;
            }
            let expected = expectation(&set, precision);
            let judgement = judged_by(&Training, &set, precision, None, expected.clone());
            let name = format!("{} {precision}", set.manifest().name);
            assert!(judgement.passes(), "{name}: {:?}", judgement.first_divergence());
            if expected == Expectation::Identical {
                assert_eq!(judgement.identical(), judgement.entries.len(), "{name}");
            }
            compared += 1;
        }
    }
    assert!(compared >= 20, "{compared} are not all of them");
}

/// What the suite does on another machine: one step, by the yardstick, and the meters by their bits.
#[test]
fn one_step_by_the_yardstick() {
    let _stream = libtorch();
    let set = set("train_gram_ema");
    let judgement = judged_by(&Training, &set, Precision::Fp32, None, another_machine());
    assert!(judgement.passes(), "{:?}", judgement.first_divergence());
    let in_a_row: Vec<_> = judgement.entries.iter().filter(|it| it.stage == Some(Stage::Trajectory)).collect();
    for entry in &in_a_row {
        let meter = entry.name.starts_with("metric:");
        let expected = if meter { Outcome::Identical } else { Outcome::NotJudged };
        assert_eq!(entry.outcome, expected, "{}", entry.name);
    }
    assert!(in_a_row.len() > 200, "{}", in_a_row.len());
}

/// Our float64 arithmetic is the reference's too.
#[test]
fn the_float64_truth() {
    let _stream = libtorch();
    for name in ["losses", "train_micro", "train_micro_10"] {
        let set = set(name);
        let expected = expectation(&set, Precision::Truth);
        if let Expectation::Yardstick { differences } = &expected {
            // The truth has no yardstick, so elsewhere there is nothing to hold it against.
            eprintln!("not checked on this machine: {differences:?}");
            return;
        }
        let judgement = judged_by(&Training, &set, Precision::Truth, None, expected);
        assert_eq!(judgement.identical(), judgement.entries.len(), "{name}: {:?}", judgement.first_divergence());
    }
}
