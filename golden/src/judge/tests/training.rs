//! Values of a training step: scalars, what Python computes, the order of gradients, and runs of several steps.

use super::*;
use crate::testing::bytes_f64;

/// The record of one value: the truth (none for a trajectory), and the bytes at fp32.
#[derive(Clone)]
struct Recording {
    name: &'static str,
    stage: Stage,
    truth: Option<Vec<f64>>,
    fp32: Number,
}

#[derive(Clone)]
enum Number {
    Single(Vec<f32>),
    Double(Vec<f64>),
}

impl Number {
    fn observe(&self, judge: &mut Judge<'_>, name: &str) -> EntryJudgement {
        let (dtype, count, bytes) = self.parts();
        let shape: &[usize] = if count == 1 { &[] } else { &[count] };
        judge.observe(name, TensorView::new(dtype, shape, &bytes).unwrap()).unwrap().clone()
    }

    fn parts(&self) -> (Dtype, usize, Vec<u8>) {
        match self {
            Self::Single(values) => (Dtype::F32, values.len(), bytes_f32(values)),
            Self::Double(values) => (Dtype::F64, values.len(), bytes_f64(values)),
        }
    }
}

/// A tensor of the reference whose float32 value has a relative error of `level` eps.
fn rounded_by(name: &'static str, stage: Stage, truth: Vec<f64>, level: f64) -> Recording {
    let sign = |at: usize| if at.is_multiple_of(2) { 1.0 } else { -1.0 };
    let fp32 = truth.iter().enumerate().map(|(at, it)| (it * (1.0 + sign(at) * level * EPS)) as f32).collect();
    Recording { name, stage, truth: Some(truth), fp32: Number::Single(fp32) }
}

fn python(name: &'static str, stage: Stage, values: Vec<f64>) -> Recording {
    Recording { name, stage, truth: Some(values.clone()), fp32: Number::Double(values) }
}

fn trajectory(name: &'static str, fp32: Number) -> Recording {
    Recording { name, stage: Stage::Trajectory, truth: None, fp32 }
}

fn written(sample_limit: Option<usize>, recordings: &[Recording]) -> (TempDir, GoldenSet) {
    let root = folder_in_memory();
    let dir = root.path().join("golden");
    let header = crate::Manifest { sample_limit, ..header("tiny") };
    let mut writer = SetWriter::create(&dir, header, Existing::Refuse).unwrap();
    let mut record = |precision, it: &Recording, number: &Number| {
        let (dtype, count, bytes) = number.parts();
        let shape: &[usize] = if count == 1 { &[] } else { &[count] };
        let view = TensorView::new(dtype, shape, &bytes).unwrap();
        writer.record(precision, it.name, it.stage, view).unwrap();
    };
    for it in recordings {
        if let Some(truth) = &it.truth {
            record(Precision::Truth, it, &Number::Double(truth.clone()));
        }
        record(Precision::Fp32, it, &it.fp32);
    }
    writer.finish().unwrap();
    crate::verify(&dir).unwrap();
    let set = GoldenSet::open(&dir).unwrap();
    (root, set)
}

fn judged(set: &GoldenSet, expectation: Expectation, values: &[(&str, Number)]) -> SetJudgement {
    let mut judge = Judge::new(set, Precision::Fp32, expectation, RULES).unwrap();
    for (name, value) in values {
        value.observe(&mut judge, name);
    }
    judge.finish()
}

/// The judgement on one value against its recording on another machine.
fn outcome(set: &GoldenSet, name: &str, value: Number) -> Outcome {
    let mut judge = Judge::new(set, Precision::Fp32, yardstick(), RULES).unwrap();
    value.observe(&mut judge, name).outcome
}

/// The manifest lists gradients in backward order, whatever order they are shown in.
#[test]
fn the_first_wrong_gradient_is_first_in_backward_order() {
    let names = ["grad:last_layer", "grad:blocks.1", "grad:blocks.0", "grad:patch_embed"];
    let gradient = |(at, &name)| rounded_by(name, Stage::Backward, Noise(at as u64 + 1).take(300), 3.0);
    let recordings: Vec<_> = names.iter().enumerate().map(gradient).collect();
    let (_root, set) = written(Some(100), &recordings);
    let mut shown: Vec<_> = recordings.iter().map(|it| (it.name, it.fp32.clone())).collect();
    for (_, value) in &mut shown[1..] {
        let Number::Single(values) = value else { continue };
        values.iter_mut().for_each(|value| *value *= 1.01);
    }
    shown.sort_by_key(|(name, _)| *name);
    assert_eq!(shown[0].0, "grad:blocks.0", "shown first");
    for expectation in [yardstick(), Expectation::Identical] {
        let judgement = judged(&set, expectation, &shown);
        let (first, last) = (judgement.first_divergence().unwrap(), judgement.last_agreeing().unwrap());
        assert_eq!((first.name.as_str(), last.name.as_str()), ("grad:blocks.1", "grad:last_layer"));
    }
}

/// The recorded error of a single number is luck; that of the assignments before it is not.
#[test]
fn a_loss_borrows_from_the_assignments() {
    let assignments = rounded_by("sinkhorn:dino", Stage::Loss, Noise(1).take(200), 10.0);
    let loss = rounded_by("loss:dino", Stage::Loss, vec![2.5], 0.0);
    // However few of their elements a set stores.
    for limit in [None, Some(32)] {
        let (_root, set) = written(limit, &[assignments.clone(), loss.clone()]);
        let off = |by: f64| outcome(&set, "loss:dino", Number::Single(vec![(2.5 * (1.0 + by * EPS)) as f32]));
        assert_eq!(off(20.0), Outcome::WithinYardstick);
        assert_eq!(off(60.0), Outcome::Beyond);
    }
}

/// The few runs of one block may all be lucky.
#[test]
fn a_gradient_of_a_block_borrows_from_the_same_one_of_other_blocks() {
    let gradient = |name, seed, level| rounded_by(name, Stage::Backward, Noise(seed).take(200), level);
    let lucky = gradient("grad:student.backbone.blocks.1.norm1.bias", 1, 1.0);
    let unlucky = gradient("grad:student.backbone.blocks.0.norm1.bias", 2, 20.0);
    let of_another_place = gradient("grad:student.backbone.blocks.0.norm2.bias", 3, 500.0);
    let (_root, set) = written(None, &[of_another_place, lucky.clone(), unlucky]);
    let off = |by| {
        let value = rounded_by(lucky.name, Stage::Backward, lucky.truth.clone().unwrap(), by);
        outcome(&set, lucky.name, value.fp32)
    };
    assert_eq!(off(40.0), Outcome::WithinYardstick);
    assert_eq!(off(120.0), Outcome::Beyond, "what other places have is of no use to it");
}

#[test]
fn a_norm_of_gradients_borrows_from_the_gradients() {
    let moments = rounded_by("exp_avg:w", Stage::Optimizer, Noise(2).take(200), 1000.0);
    let gradient = rounded_by("grad:w", Stage::Backward, Noise(1).take(200), 10.0);
    let norm = rounded_by("grad_norm:backbone", Stage::Optimizer, vec![4.0], 0.0);
    let (_root, set) = written(None, &[moments, gradient, norm]);
    let off = |by: f64| outcome(&set, "grad_norm:backbone", Number::Single(vec![(4.0 * (1.0 + by * EPS)) as f32]));
    assert_eq!(off(20.0), Outcome::WithinYardstick);
    assert_eq!(off(60.0), Outcome::Beyond, "moments have no say in it");
}

/// As on an H200: 1 - beta2 of a float32. Twice as much is no rounding, and the first moment has no such room.
#[test]
fn a_second_moment_may_be_weighed_by_a_complement_in_float32() {
    let moment = |name| rounded_by(name, Stage::Optimizer, Noise(2).take(200), 2.0);
    let names = ["exp_avg_sq:student.w", "exp_avg:student.w"];
    let (_root, set) = written(None, &names.map(moment));
    let off = |name, by: f64| {
        let values = moment(name).truth.unwrap().into_iter().map(|it| (it * (1.0 - by)) as f32);
        outcome(&set, name, Number::Single(values.collect()))
    };
    assert_eq!(names.map(|name| off(name, 1.287e-5)), [Outcome::WithinYardstick, Outcome::Beyond]);
    assert_eq!(off(names[0], 2.6e-5), Outcome::Beyond);
}

/// As on an H200 at the end of a long run: the gradient is a hundredth of its own rounding, and its square is all error.
#[test]
fn the_square_of_a_rounding_is_allowed_what_the_rounding_is() {
    // A first moment with so many times the rounding, and a second one with the square of it.
    let first = |by: f64| -> Vec<f64> { Noise(2).take(200).iter().map(|it| by * 1e-6 * it).collect() };
    let second = |by: f64| -> Vec<f64> { first(by).iter().map(|it| 0.1 * it * it).collect() };
    let single = |values: Vec<f64>| Number::Single(values.iter().map(|it| *it as f32).collect());
    let recording =
        |name, truth, fp32| Recording { name, stage: Stage::Optimizer, truth: Some(truth), fp32: single(fp32) };
    let moments = [
        recording("exp_avg:student.w", first(0.01), first(1.0)),
        recording("exp_avg_sq:student.w", second(0.01), second(1.0)),
    ];
    let (_root, set) = written(None, &moments);
    let outcomes =
        |by| [outcome(&set, moments[0].name, single(first(by))), outcome(&set, moments[1].name, single(second(by)))];
    assert_eq!(outcomes(3.0), [Outcome::WithinYardstick, Outcome::WithinYardstick]);
    assert_eq!(outcomes(20.0), [Outcome::Beyond, Outcome::Beyond]);
    // Without its first moment nobody knows what it is the square of.
    let (_root, alone) = written(None, &moments[1..]);
    assert_eq!(outcome(&alone, moments[1].name, single(second(3.0))), Outcome::Beyond);
}

#[test]
fn what_python_computes_may_be_a_few_ulps_of_its_largest_value_off() {
    let curve: Vec<f64> =
        (0..500).map(|at| 0.5 * (1.0 + (f64::from(at) / 500.0 * std::f64::consts::PI).cos())).collect();
    let recordings = [
        python("schedule:lr", Stage::Schedule, curve.clone()),
        python("groups:wd_multiplier", Stage::Optimizer, vec![1.0, 0.0, 1.0]),
        python("loss:dino_local_loss_weight", Stage::Loss, vec![0.7]),
    ];
    let (_root, set) = written(Some(50), &recordings);
    let changed = |at: usize, by: f64| {
        let mut curve = curve.clone();
        curve[at] += by;
        outcome(&set, "schedule:lr", Number::Double(curve))
    };
    // Element 0 is stored, element 1 is not; the last ones are close to zero.
    for at in [0, 1, 499] {
        assert_eq!(changed(at, 3.0 * f64::EPSILON), Outcome::WithinYardstick, "{at}");
        assert_eq!(changed(at, 1e-6), Outcome::Beyond, "{at}");
        assert_eq!(changed(at, f64::NAN), Outcome::NonFinite, "{at}");
    }
    assert_eq!(changed(0, 1e-14), Outcome::Beyond);
    let groups = |decay: f64| outcome(&set, "groups:wd_multiplier", Number::Double(vec![1.0, decay, 1.0]));
    assert_eq!((groups(0.0), groups(1.0)), (Outcome::Identical, Outcome::Beyond), "weight decay on a bias");
    let weight = |value: f64| outcome(&set, "loss:dino_local_loss_weight", Number::Double(vec![value]));
    assert_eq!(weight(0.7_f64.next_up()), Outcome::WithinYardstick);
    assert_eq!(weight(f64::from(0.7_f32)), Outcome::Beyond, "computed in float32");
    let bits = judged(&set, Expectation::Identical, &[("schedule:lr", Number::Double(vec![0.0; 500]))]);
    assert_eq!(bits.first_divergence().unwrap().name, "schedule:lr");
}

fn free_run() -> Vec<Recording> {
    vec![
        trajectory("trajectory:total_loss", Number::Single(vec![3.0, 2.0, 1.0])),
        trajectory("metric:total_loss", Number::Double(vec![2.0, 2.0, 2.0, 3.0, 1.0, 6.0])),
        trajectory("final:student.w", Number::Single(vec![0.5; 100])),
    ]
}

fn shown(of: &[Recording]) -> Vec<(&'static str, Number)> {
    of.iter().map(|it| (it.name, it.fp32.clone())).collect()
}

#[test]
fn a_free_run_elsewhere_is_not_judged() {
    let (_root, set) = written(Some(10), &free_run());
    let mut values = shown(&free_run());
    assert!(judged(&set, yardstick(), &values).passes());
    values[2].1 = Number::Single(vec![0.6; 100]);
    let judgement = judged(&set, yardstick(), &values);
    let wanted = [Outcome::Identical, Outcome::Identical, Outcome::NotJudged];
    assert_eq!(outcomes(&judgement), wanted);
    assert!(judgement.passes() && !judgement.entries[2].passes() && !judgement.entries[2].fails());
    assert_eq!(judgement.last_agreeing().unwrap().name, "metric:total_loss");
    assert_eq!(judgement.entries[2].reason, Some(Reason::FreeRun));
    // If the fingerprints match, a trajectory must have the same bits.
    let judgement = judged(&set, Expectation::Identical, &values);
    assert_eq!(judgement.entries[2].outcome, Outcome::NotIdentical);
    assert_eq!(judgement.entries[0].metrics.unwrap().max_abs, 0.0, "against the recording, for want of a truth");
    values[0].1 = Number::Single(vec![3.0, 2.5, 1.0]);
    let entry = &judged(&set, Expectation::Identical, &values).entries[0];
    assert_eq!((entry.first_difference, entry.metrics.unwrap().max_abs), (Some(1), 0.5));
    // And nowhere does it make NaN.
    values[0].1 = Number::Single(vec![3.0, 2.0, f32::NAN]);
    assert_eq!(judged(&set, yardstick(), &values).entries[0].outcome, Outcome::NonFinite);
}

#[test]
fn a_free_run_that_was_not_made_is_not_missed_but_its_meters_are() {
    let (_root, set) = written(None, &free_run());
    let judgement = judged(&set, yardstick(), &shown(&free_run())[1..2]);
    assert_eq!(outcomes(&judgement), [Outcome::NotJudged, Outcome::Identical, Outcome::NotJudged]);
    assert!(judgement.passes());
    let judgement = judged(&set, yardstick(), &[]);
    assert_eq!(outcomes(&judgement), [Outcome::NotJudged, Outcome::Missing, Outcome::NotJudged]);
    let judgement = judged(&set, Expectation::Identical, &[]);
    assert_eq!(outcomes(&judgement), [Outcome::Missing; 3]);
    let (_root, set) = written(None, &[free_run().remove(0)]);
    assert!(!judged(&set, yardstick(), &[]).passes(), "nothing is proved");
}

#[test]
fn meters_of_the_recorded_values_must_be_the_same_bits_everywhere() {
    let (_root, set) = written(None, &free_run());
    let totals = Number::Double(vec![2.0, 2.0, 2.0, 3.0, 1.0, 6.0_f64.next_up()]);
    let mut values = shown(&free_run());
    values[1].1 = totals;
    for expectation in [yardstick(), Expectation::Identical] {
        for from in [0, 1] {
            let judgement = judged(&set, expectation.clone(), &values[from..2]);
            assert_eq!(judgement.first_wrong().unwrap().name, "metric:total_loss");
        }
    }
    // A meter of another trajectory sums up other numbers.
    values[0].1 = Number::Single(vec![3.0, 2.0, 1.5]);
    assert_eq!(outcomes(&judged(&set, yardstick(), &values))[..2], [Outcome::NotJudged; 2]);
}

/// A weight that the step has not moved is exact in mixed precision too, and yet drawn an ulp apart on other
/// processors.
#[test]
fn mixed_precision_is_allowed_what_float32_is() {
    let root = folder_in_memory();
    let dir = root.path().join("golden");
    let mut writer = SetWriter::create(&dir, header("tiny"), Existing::Refuse).unwrap();
    let values: Vec<f32> = Noise(1).take(200).iter().map(|&it| it as f32).collect();
    let bytes = bytes_f32(&values);
    let view = TensorView::new(Dtype::F32, &[200], &bytes).unwrap();
    let truth = bytes_f64(&values.iter().map(|&it| f64::from(it)).collect::<Vec<_>>());
    let truth = TensorView::new(Dtype::F64, &[200], &truth).unwrap();
    let name = "param:student.w";
    writer.record(Precision::Truth, name, Stage::Optimizer, truth).unwrap();
    for precision in [Precision::Fp32, Precision::Bf16] {
        writer.record(precision, name, Stage::Optimizer, view).unwrap();
    }
    writer.finish().unwrap();
    let moved: Vec<f32> = values.iter().map(|it| it.next_up().next_up()).collect();
    let outcome = |set: &GoldenSet| {
        let mut judge = Judge::new(set, Precision::Bf16, yardstick(), RULES).unwrap();
        observe(&mut judge, name, &[200], &moved).outcome
    };
    assert_eq!(outcome(&GoldenSet::open(&dir).unwrap()), Outcome::Beyond);
    edit_manifest(&dir, |manifest| {
        let spread = crate::Spread { runs: 8, rel_l2: EPS, rel_max: EPS };
        manifest.entries[0].records.fp32.as_mut().unwrap().spread = Some(spread);
    });
    assert_eq!(outcome(&GoldenSet::open(&dir).unwrap()), Outcome::WithinYardstick);
}

fn edit_manifest(dir: &std::path::Path, edit: impl FnOnce(&mut crate::Manifest)) {
    let mut manifest = GoldenSet::open(dir).unwrap().manifest().clone();
    edit(&mut manifest);
    std::fs::write(dir.join(crate::manifest::MANIFEST), manifest.to_json().unwrap()).unwrap();
}

/// A first step of Adam: every parameter moves by the learning rate, in the direction of a gradient's sign.
#[test]
fn a_gradient_of_rounding_alone_may_step_either_way() {
    let (rate, mut gradient) = (1e-3, Noise(5).take(200));
    gradient[7] = 1e-9;
    let stepped = |gradient: &[f64]| -> Vec<f64> {
        gradient.iter().enumerate().map(|(at, it)| 0.5 + at as f64 / 1000.0 - rate * it.signum()).collect()
    };
    let single = |values: Vec<f64>| Number::Single(values.into_iter().map(|it| it as f32).collect());
    let parameter =
        |name, stage| Recording { name, stage, truth: Some(stepped(&gradient)), fp32: single(stepped(&gradient)) };
    let recordings = [
        rounded_by("exp_avg:student.w", Stage::Optimizer, gradient.clone(), 10.0),
        parameter("param:student.w", Stage::Optimizer),
        parameter("param:teacher.w", Stage::Ema),
    ];
    for limit in [None, Some(50)] {
        let (_root, set) = written(limit, &recordings);
        let turned = |at: usize| {
            let mut gradient = gradient.clone();
            gradient[at] = -gradient[at];
            ["param:student.w", "param:teacher.w"].map(|name| outcome(&set, name, single(stepped(&gradient))))
        };
        assert_eq!(turned(7), [Outcome::WithinYardstick; 2], "{limit:?}");
        // Stored whether every element is or every fifth.
        assert_eq!(turned(10), [Outcome::Beyond; 2], "{limit:?}");
        let mut values = stepped(&gradient);
        values[7] = f64::NAN;
        assert_eq!(outcome(&set, "param:student.w", single(values)), Outcome::NonFinite, "{limit:?}");
    }
}
