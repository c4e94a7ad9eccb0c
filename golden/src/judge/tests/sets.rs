//! Candidates recorded elsewhere, and golden sets that cannot judge.

use super::*;
use crate::testing::{header, told};
use crate::{Existing, SetWriter};

/// Judges the case's candidate from a set of its own, recorded with `limit`.
fn from_set(case: &Case, limit: Option<usize>) -> Result<SetJudgement, JudgeError> {
    let dir = case.root.path().join("candidate");
    let theirs = case.values.iter().zip(&case.candidate);
    let theirs: Vec<_> = theirs.map(|(value, fp32)| Value { fp32: fp32.clone(), ..value.clone() }).collect();
    write_set(&dir, limit, &theirs);
    let (golden, candidate) = (GoldenSet::open(&case.dir()).unwrap(), GoldenSet::open(&dir).unwrap());
    judge_set(&golden, &candidate, Precision::Fp32, yardstick(), RULES)
}

#[test]
fn a_recorded_candidate_is_judged_as_our_own() {
    let mut case = Case::new(Some(500), THREE);
    case.candidate[2][0] = 7.0;
    // Sampled alike, and in full with the sample picked out: the same judgement to the bit.
    assert_eq!(from_set(&case, Some(500)).unwrap(), case.judge());
    std::fs::remove_dir_all(case.root.path().join("candidate")).unwrap();
    assert_eq!(from_set(&case, None).unwrap(), case.judge());
}

#[test]
fn other_elements_cannot_be_compared() {
    let mut messages = Vec::new();
    for (golden, candidate) in [(Some(300), Some(100)), (Some(500), Some(100)), (None, Some(100))] {
        let case = Case::new(golden, THREE);
        let error = from_set(&case, candidate).unwrap_err();
        messages.push(told(&error, case.root.path()));
    }
    insta::assert_snapshot!(messages.join("\n\n"));
}

#[test]
fn other_shapes_are_an_outcome_and_no_error() {
    let mut case = Case::new(Some(500), &[("a", 900)]);
    case.candidate[0].truncate(700);
    let dir = case.root.path().join("candidate");
    write_set(&dir, Some(500), &[Value::forward("a", vec![1.0; 700]), Value::forward("b", vec![1.0])]);
    let (golden, candidate) = (GoldenSet::open(&case.dir()).unwrap(), GoldenSet::open(&dir).unwrap());
    let judgement = judge_set(&golden, &candidate, Precision::Fp32, yardstick(), RULES).unwrap();
    assert_eq!(outcomes(&judgement), [Outcome::ShapeDiffers]);
    assert_eq!(judgement.unexpected[0].name, "b");
}

#[test]
fn the_truth_is_judged_by_its_bits_alone() {
    let case = Case::new(None, THREE);
    let golden = GoldenSet::open(&case.dir()).unwrap();
    let error = Judge::new(&golden, Precision::Truth, yardstick(), RULES).unwrap_err();
    assert!(matches!(error, JudgeError::TruthHasNoYardstick));
    let mut judge = Judge::new(&golden, Precision::Truth, Expectation::Identical, RULES).unwrap();
    let mut values = case.values[0].truth.clone();
    let show = |judge: &mut Judge<'_>, name: &str, values: &[f64]| {
        let (shape, bytes) = ([values.len()], crate::testing::bytes_f64(values));
        judge.observe(name, TensorView::new(Dtype::F64, &shape, &bytes).unwrap()).unwrap().outcome
    };
    assert_eq!(show(&mut judge, "qkv", &case.values[1].truth), Outcome::Identical);
    values[0] = values[0].next_up();
    assert_eq!(show(&mut judge, "norm1", &values), Outcome::NotIdentical);
    assert_eq!(judge.finish().entries[0].metrics.unwrap().max_ulp, 1);
}

#[test]
fn what_the_set_cannot_judge_is_an_error() {
    let root = folder_in_memory();
    let dir = root.path().join("golden");
    let mut writer = SetWriter::create(&dir, header("tiny"), Existing::Refuse).unwrap();
    let (one, two) = (bytes_f32(&[1.0, 1.0]), bytes_f32(&[2.0, 2.0]));
    let view = |bytes| TensorView::new(Dtype::F32, &[2], bytes).unwrap();
    let (fp32, truth) = (Precision::Fp32, Precision::Truth);
    writer.record(fp32, "schedule:rate", Stage::Schedule, view(&one)).unwrap();
    writer.record(truth, "schedule:rate", Stage::Schedule, view(&one)).unwrap();
    writer.record(fp32, "no_truth", Stage::Forward, view(&one)).unwrap();
    writer.record(fp32, "crooked", Stage::Forward, view(&one)).unwrap();
    writer.record(truth, "crooked", Stage::Forward, TensorView::new(Dtype::F32, &[2, 1], &one).unwrap()).unwrap();
    writer.record(truth, "truth_alone", Stage::Forward, view(&one)).unwrap();
    writer.finish().unwrap();
    let golden = GoldenSet::open(&dir).unwrap();
    let mut judge = Judge::new(&golden, fp32, yardstick(), RULES).unwrap();
    // A kind of value without tolerances is an error where one is needed, not a pass: schedules are float64.
    let mut messages = Vec::new();
    for name in ["schedule:rate", "crooked"] {
        let error = judge.observe(name, view(&two)).unwrap_err();
        messages.push(told(&error, root.path()));
    }
    let entry = judge.observe("no_truth", view(&two)).unwrap();
    assert_eq!(entry.outcome, Outcome::Beyond);
    assert_eq!(entry.reason, Some(Reason::NoTruth));
    assert_eq!(judge.observe("truth_alone", view(&two)).unwrap().outcome, Outcome::Unexpected);
    let error = JudgeError::TruthHasNoYardstick;
    messages.push(told(&error, root.path()));
    insta::assert_snapshot!(messages.join("\n\n"));
    assert_eq!(judge.finish().entries.len(), 3, "what was not recorded at this precision is not asked for");
    let mut judge = Judge::new(&golden, fp32, yardstick(), RULES).unwrap();
    assert_eq!(judge.observe("schedule:rate", view(&one)).unwrap().outcome, Outcome::Identical);
    assert_eq!(judge.observe("no_truth", view(&one)).unwrap().outcome, Outcome::Identical);
}
