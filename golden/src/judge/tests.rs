use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::names::Dtype;
use crate::testing::{Noise, RULES, Value, bytes_f32, folder_in_memory, header, write_set};
use crate::{Circumstance, Existing, SetWriter};

mod defects;
mod sets;
mod training;

/// A golden set in a temporary folder, and what a correct float32 implementation computes for it.
struct Case {
    root: TempDir,
    values: Vec<Value>,
    candidate: Vec<Vec<f32>>,
}

const EPS: f64 = f32::EPSILON as f64;

/// A float32 value whose relative error has a standard deviation of `level` eps.
fn rounded(truth: &[f64], level: f64, noise: &mut Noise) -> Vec<f32> {
    truth.iter().map(|&value| (value * (1.0 + level * EPS * noise.draw())) as f32).collect()
}

impl Case {
    /// Activations of these sizes: reference and candidate have independent errors of one size, growing with depth.
    fn new(sample_limit: Option<usize>, sizes: &[(&'static str, usize)]) -> Self {
        Self::with_seed(sample_limit, sizes, 1)
    }

    fn with_seed(sample_limit: Option<usize>, sizes: &[(&'static str, usize)], seed: u64) -> Self {
        Self::with_levels(sample_limit, sizes, seed, |depth| 3.0 * (depth + 1) as f64)
    }

    /// The size of the errors at each depth is `level`.
    fn with_levels(
        sample_limit: Option<usize>,
        sizes: &[(&'static str, usize)],
        seed: u64,
        level: impl Fn(usize) -> f64,
    ) -> Self {
        let mut noise = Noise(seed);
        let mut values = Vec::new();
        let mut candidate = Vec::new();
        for (depth, &(name, size)) in sizes.iter().enumerate() {
            let level = level(depth);
            let mut value = Value::forward(name, noise.take(size));
            value.fp32 = rounded(&value.truth, level, &mut noise);
            candidate.push(rounded(&value.truth, level, &mut noise));
            values.push(value);
        }
        let case = Self { root: folder_in_memory(), values, candidate };
        case.write(sample_limit);
        case
    }

    /// One entry, given in full.
    fn of(value: Value, candidate: Vec<f32>) -> Self {
        let case = Self { root: folder_in_memory(), values: vec![value], candidate: vec![candidate] };
        case.write(None);
        case
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("golden")
    }

    fn write(&self, sample_limit: Option<usize>) {
        write_set(&self.dir(), sample_limit, &self.values);
    }

    fn judge(&self) -> SetJudgement {
        self.judge_as(yardstick())
    }

    fn judge_as(&self, expectation: Expectation) -> SetJudgement {
        let golden = GoldenSet::open(&self.dir()).unwrap();
        let mut judge = Judge::new(&golden, Precision::Fp32, expectation, RULES).unwrap();
        for (value, candidate) in self.values.iter().zip(&self.candidate) {
            observe(&mut judge, value.name, &value.shape, candidate);
        }
        judge.finish()
    }
}

fn yardstick() -> Expectation {
    let [recorded, here] = ["cpu", "npu"].map(|device| Some(device.to_owned()));
    Expectation::Yardstick { differences: vec![Difference { field: Circumstance::Device, recorded, here }] }
}

fn observe(judge: &mut Judge<'_>, name: &str, shape: &[usize], values: &[f32]) -> EntryJudgement {
    let bytes = bytes_f32(values);
    judge.observe(name, TensorView::new(Dtype::F32, shape, &bytes).unwrap()).unwrap().clone()
}

fn outcomes(judgement: &SetJudgement) -> Vec<Outcome> {
    judgement.entries.iter().map(|entry| entry.outcome).collect()
}

const THREE: &[(&str, usize)] = &[("norm1", 400), ("qkv", 900), ("proj", 300)];

#[test]
fn the_references_own_bits_are_identical() {
    for expectation in [Expectation::Identical, yardstick()] {
        let mut case = Case::new(Some(500), THREE);
        case.candidate = case.values.iter().map(|value| value.fp32.clone()).collect();
        let judgement = case.judge_as(expectation);
        assert_eq!(outcomes(&judgement), [Outcome::Identical; 3]);
        assert!(judgement.passes());
        assert_eq!((judgement.identical(), judgement.first_divergence()), (3, None));
        assert_eq!(judgement.last_agreeing().unwrap().name, "proj");
        assert_eq!(judgement.entries[0].ratio, Some(1.0));
        assert_eq!(judgement.entries[0].metrics, judgement.entries[0].reference);
    }
}

#[test]
fn rounding_of_the_references_size_is_within() {
    let judgement = Case::new(Some(500), THREE).judge();
    assert_eq!(outcomes(&judgement), [Outcome::WithinYardstick; 3]);
    assert!(judgement.passes() && judgement.identical() == 0);
    let ratio = judgement.worst().unwrap().ratio.unwrap();
    assert!((0.5..2.0).contains(&ratio), "{ratio}");
    assert!(judgement.entries.iter().all(|entry| entry.share().is_some_and(|share| share < 0.6)));
}

#[test]
fn the_same_bits_are_expected_where_the_fingerprint_matches() {
    let judgement = Case::new(Some(500), THREE).judge_as(Expectation::Identical);
    assert_eq!(outcomes(&judgement), [Outcome::NotIdentical; 3]);
    assert!(!judgement.passes());
    assert_eq!(judgement.first_divergence().unwrap().name, "norm1");
    assert_eq!(judgement.last_agreeing(), None);
}

#[test]
fn expectation_follows_the_fingerprint() {
    let recorded = crate::testing::fingerprint();
    assert_eq!(Expectation::of(&recorded, &recorded), Expectation::Identical);
    let here = Fingerprint { threads: 8, ..recorded.clone() };
    let [two, eight] = ["2", "8"].map(|threads| Some(threads.to_owned()));
    let differences = vec![Difference { field: Circumstance::Threads, recorded: two, here: eight }];
    assert_eq!(Expectation::of(&recorded, &here), Expectation::Yardstick { differences });
}

#[test]
fn the_first_divergence_is_first_in_execution_order() {
    let mut case = Case::new(Some(500), THREE);
    for candidate in &mut case.candidate[1..] {
        candidate.iter_mut().for_each(|value| *value *= 1.001);
    }
    // Seen in another order: that of execution counts.
    case.values.reverse();
    case.candidate.reverse();
    let judgement = case.judge();
    assert_eq!(outcomes(&judgement), [Outcome::WithinYardstick, Outcome::Beyond, Outcome::Beyond]);
    assert_eq!(judgement.first_divergence().unwrap().name, "qkv");
    assert_eq!(judgement.last_agreeing().unwrap().name, "norm1");
    let Some(Reason::Limit(check)) = &judgement.first_divergence().unwrap().reason else { panic!("a limit") };
    assert_eq!((check.metric, check.k), (Metric::RelL2, 4.0));
    let figures = [check.error, check.limit, check.yardstick].map(|it| format!("{it:.2e}"));
    assert_eq!(figures, ["1.00e-3", "3.07e-6", "7.51e-7"]);
}

#[test]
fn missing_and_unexpected_values_fail() {
    let mut case = Case::new(None, THREE);
    case.candidate = case.values.iter().map(|value| value.fp32.clone()).collect();
    let golden = GoldenSet::open(&case.dir()).unwrap();
    let mut judge = Judge::new(&golden, Precision::Fp32, Expectation::Identical, RULES).unwrap();
    observe(&mut judge, "norm1", &[400], &case.candidate[0]);
    let again = observe(&mut judge, "norm1", &[400], &case.candidate[0]);
    let unknown = observe(&mut judge, "ls1", &[400], &case.candidate[0]);
    observe(&mut judge, "proj", &[300], &case.candidate[2]);
    let judgement = judge.finish();
    assert_eq!(outcomes(&judgement), [Outcome::Identical, Outcome::Missing, Outcome::Identical]);
    assert_eq!(judgement.first_divergence().unwrap().name, "qkv");
    assert_eq!(judgement.first_wrong(), None);
    assert!(!judgement.passes());
    assert_eq!(judgement.unexpected, [again, unknown]);
    let told: Vec<_> = judgement.unexpected.iter().map(|it| (it.name.as_str(), it.reason.clone().unwrap())).collect();
    assert_eq!(told, [("norm1", Reason::Twice), ("ls1", Reason::NoSuchEntry)]);
}

#[test]
fn an_unexpected_value_alone_fails() {
    let case = Case::new(None, &[("a", 100)]);
    let golden = GoldenSet::open(&case.dir()).unwrap();
    let mut judge = Judge::new(&golden, Precision::Fp32, Expectation::Identical, RULES).unwrap();
    observe(&mut judge, "a", &[100], &case.values[0].fp32);
    observe(&mut judge, "b", &[100], &case.values[0].fp32);
    let judgement = judge.finish();
    assert_eq!((judgement.first_divergence(), judgement.passes()), (None, false));
}

#[test]
fn an_error_that_is_not_a_number_keeps_no_limit() {
    let check = Check { metric: Metric::RelL2, error: f64::NAN, yardstick: 1.0, k: 4.0, limit: f64::INFINITY };
    assert!(!check.passes());
    assert_eq!(check.share(), f64::INFINITY);
    assert!(Check { error: 0.0, limit: 0.0, ..check }.passes());
}

#[test]
fn an_empty_set_proves_nothing() {
    let judgement = Case::new(None, &[]).judge();
    assert!(!judgement.passes());
}

#[test]
fn shape_and_dtype_are_compared_first() {
    let case = Case::new(Some(50), &[("a", 100), ("b", 100)]);
    let golden = GoldenSet::open(&case.dir()).unwrap();
    let mut judge = Judge::new(&golden, Precision::Fp32, yardstick(), RULES).unwrap();
    let transposed = observe(&mut judge, "a", &[10, 10], &case.values[0].fp32);
    assert_eq!(transposed.outcome, Outcome::ShapeDiffers);
    let bytes = bytes_f32(&case.values[1].fp32);
    let integers = TensorView::new(Dtype::I32, &[100], &bytes).unwrap();
    let reread = judge.observe("b", integers).unwrap();
    assert_eq!((reread.outcome, reread.identical), (Outcome::DtypeDiffers, false), "though the bytes are the same");
    let reasons = judge.finish().entries.into_iter().map(|it| it.reason.unwrap()).collect::<Vec<_>>();
    let shape = Reason::Shape { golden: vec![100], candidate: vec![10, 10] };
    assert_eq!(reasons, [shape, Reason::Dtype { golden: Dtype::F32, candidate: Dtype::I32 }]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Two correct implementations are not told apart, however the errors fall. An entry with few elements borrows from
    /// the one before it, whose errors are of the same size, as those of neighbours are: of twice the size, one in tens
    /// of thousands would not pass.
    #[test]
    fn correct_implementations_pass(seed: u64, size in 1usize..600, limit in prop::option::of(100usize..700)) {
        let case = Case::with_levels(limit, &[("large", 500), ("any", size)], seed, |_| 6.0);
        let judgement = case.judge();
        prop_assert!(judgement.passes(), "{judgement:#?}");
    }

    /// A NaN or an infinity, in a stored element or another, never passes.
    #[test]
    fn nothing_that_is_not_finite_passes(seed: u64, at in 0usize..400, kind in 0usize..3, sampled: bool) {
        let mut case = Case::with_seed(sampled.then_some(100), THREE, seed);
        case.candidate[0][at] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][kind];
        for expectation in [Expectation::Identical, yardstick()] {
            let judgement = case.judge_as(expectation);
            prop_assert_eq!(judgement.entries[0].outcome, Outcome::NonFinite);
            prop_assert!(!judgement.passes());
        }
    }

    /// A relative error ten times the reference's, on every element, never passes.
    #[test]
    fn a_wrong_implementation_fails(seed: u64, limit in prop::option::of(100usize..700)) {
        let mut case = Case::with_seed(limit, THREE, seed);
        let mut noise = Noise(seed ^ 7);
        case.candidate[2] = rounded(&case.values[2].truth, 90.0, &mut noise);
        let judgement = case.judge();
        prop_assert_eq!(outcomes(&judgement)[2], Outcome::Beyond);
        prop_assert_eq!(&judgement.first_divergence().unwrap().name, "proj");
    }
}
