//! The defects that the rule must find, and the differences that it must accept, one case each.

use super::*;

/// A single value's judgement against a golden entry.
fn judged(value: Value, candidate: Vec<f32>) -> EntryJudgement {
    Case::of(value, candidate).judge().entries.remove(0)
}

#[test]
fn an_exact_reference_leaves_one_more_rounding() {
    // Float32 holds the truth exactly, so the yardstick is zero.
    let truth: Vec<f64> = (1..=200).map(|it| f64::from(it as f32 / 3.0)).collect();
    let value = Value::forward("copied", truth);
    let off = |by: f64, every: usize| {
        let moved =
            |(at, &it): (usize, &f32)| if at % every == 0 { (f64::from(it) * (1.0 + by * EPS)) as f32 } else { it };
        judged(value.clone(), value.fp32.iter().enumerate().map(moved).collect())
    };
    // A third of the values fall on the neighbour.
    assert_eq!(off(0.6, 3).outcome, Outcome::WithinYardstick);
    assert_eq!(off(0.6, 3).ratio, None, "there is no yardstick to relate it to");
    assert_eq!(off(0.6, 1).outcome, Outcome::Beyond, "rounding to nearest does not move all of them by a whole step");
    assert_eq!(off(4.0, 3).outcome, Outcome::Beyond);
}

/// A tensor like the reference's RoPE: computed in bfloat16 and widened, in the truth too.
#[test]
fn values_rounded_to_a_coarse_grid_may_fall_the_other_way() {
    let fine = Noise(8).take(2000);
    let coarse: Vec<f32> = fine.iter().map(|&it| half::bf16::from_f64(it).to_f32()).collect();
    let value = Value::forward("apply_rope", coarse.iter().map(|&it| f64::from(it)).collect());
    let flipped = |at: &[usize]| {
        let mut candidate = coarse.clone();
        for &at in at {
            candidate[at] = f32::from_bits(candidate[at].to_bits() + 0x1_0000);
        }
        judged(value.clone(), candidate)
    };
    let entry = flipped(&[7, 1234]);
    assert_eq!((entry.outcome, entry.resolution), (Outcome::WithinYardstick, Some(Dtype::Bf16)));
    assert_eq!(entry.reference.unwrap().error_l2, 0.0, "the yardstick is zero");
    // Not rounding at all is a defect, though it is the smaller error.
    let entry = judged(value.clone(), fine.iter().map(|&it| it as f32).collect());
    assert_eq!((entry.outcome, entry.resolution), (Outcome::Beyond, Some(Dtype::F32)));
    // And so is any error that one step of the grid does not explain.
    let mut rotated = coarse.clone();
    rotated.swap(0, 1);
    assert_eq!(judged(value, rotated).outcome, Outcome::Beyond);
}

#[test]
fn a_flushed_subnormal_is_no_defect_but_noise_on_zero_is() {
    let value = Value::forward("masked", vec![1e-40; 100]);
    assert_eq!(judged(value, vec![0.0; 100]).outcome, Outcome::WithinYardstick);
    let value = Value::forward("masked", vec![0.0; 100]);
    assert_eq!(judged(value.clone(), vec![1e-40; 100]).outcome, Outcome::WithinYardstick);
    assert_eq!(judged(value, vec![1e-20; 100]).outcome, Outcome::Beyond);
}

#[test]
fn one_wrong_element_is_seen_by_its_size() {
    let mut case = Case::new(None, &[("a", 100_000)]);
    // Too small for the norm of so many, too large for any one.
    let at = 777;
    case.candidate[0][at] += 1e-4;
    let entry = case.judge().entries.remove(0);
    assert_eq!(entry.outcome, Outcome::Beyond);
    let failing: Vec<_> = entry.checks.iter().filter(|check| !check.passes()).map(|check| check.metric).collect();
    assert_eq!(failing, [Metric::MaxAbs]);
}

#[test]
fn an_outlier_may_be_rounded_as_coarsely_as_it_is_large() {
    // One element a thousand times the others, exact in the reference by luck, and one ulp off in the candidate.
    let mut value = Value::forward("massive", Noise(3).take(4096));
    value.truth[5] = 4097.0;
    value.fp32[5] = 4097.0;
    let mut candidate = value.fp32.clone();
    candidate[5] = candidate[5].next_up();
    assert_eq!(judged(value, candidate).outcome, Outcome::WithinYardstick);
}

#[test]
fn faults_between_the_stored_elements_are_seen() {
    let scaled = |value: &mut f32| *value *= 1.01;
    let shifted = |value: &mut f32| *value += 1e-3;
    for (fault, metric) in [(scaled as fn(&mut f32), Metric::Norm), (shifted, Metric::Mean)] {
        let mut case = Case::new(Some(500), &[("a", 10_000)]);
        let step = crate::stride(10_000, 500);
        for (at, value) in case.candidate[0].iter_mut().enumerate() {
            if at % step != 0 {
                fault(value);
            }
        }
        let entry = case.judge().entries.remove(0);
        assert_eq!(entry.outcome, Outcome::Beyond);
        assert!(entry.checks[..2].iter().all(Check::passes), "the stored elements are right");
        assert!(entry.checks[2..].iter().any(|check| check.metric == metric && !check.passes()), "{entry:?}");
    }
}

#[test]
fn a_small_entry_borrows_the_yardstick_of_a_large_one() {
    let mut case = Case::new(None, &[("large", 500), ("scalar", 1)]);
    // By luck the reference has the scalar exactly; the candidate has the error that everything else has.
    case.values[1].truth = vec![2.5];
    case.values[1].fp32 = vec![2.5];
    std::fs::remove_dir_all(case.dir()).unwrap();
    case.write(None);
    case.candidate[1] = vec![(2.5 * (1.0 + 5.0 * EPS)) as f32];
    let judgement = case.judge();
    assert_eq!(judgement.entries[1].outcome, Outcome::WithinYardstick, "{judgement:#?}");
    assert_eq!(judgement.entries[1].borrowed_from.as_deref(), Some("large"));
    assert_eq!(judgement.entries[0].borrowed_from, None);
    case.candidate[1] = vec![(2.5 * (1.0 + 100.0 * EPS)) as f32];
    assert_eq!(case.judge().entries[1].outcome, Outcome::Beyond);
}

/// A block where the reference was lucky, beside one where it was not.
#[test]
fn after_the_rotation_another_block_lends_its_yardstick() {
    let unlucky = |names: [&'static str; 2]| {
        let mut case = Case::new(None, &[(names[0], 500), (names[1], 500)]);
        let (truth, noise) = (case.values[1].truth.clone(), &mut Noise(8));
        case.values[1].fp32 = rounded(&truth, 40.0, noise);
        std::fs::remove_dir_all(case.dir()).unwrap();
        case.write(None);
        case.candidate[0] = rounded(&case.values[0].truth, 40.0, noise);
        case.judge().entries.remove(0).outcome
    };
    let (first, second) = ("student.backbone.blocks.0.attn.proj:in", "student.backbone.blocks.1.attn.proj:in");
    assert_eq!(unlucky([first, second]), Outcome::WithinYardstick);
    assert_eq!(unlucky([first, "student.backbone.blocks.1.attn.proj"]), Outcome::Beyond, "another place");
    let (first, second) = ("student.backbone.blocks.0.mlp.fc1", "student.backbone.blocks.1.mlp.fc1");
    assert_eq!(unlucky([first, second]), Outcome::Beyond, "no rotation there");
}

/// The recorded run was lucky, and runs beside it were not.
#[test]
fn the_spread_of_the_reference_is_part_of_its_yardstick() {
    let mut case = Case::new(None, &[("a", 500)]);
    case.candidate[0] = rounded(&case.values[0].truth, 40.0, &mut Noise(8));
    assert_eq!(case.judge().entries[0].outcome, Outcome::Beyond);
    let path = case.dir().join("manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut manifest: crate::Manifest = serde_json::from_str(&text).unwrap();
    let record = manifest.entries[0].records.fp32.as_mut().unwrap();
    record.spread = Some(crate::Spread { runs: 8, rel_l2: 30.0 * EPS, rel_max: 100.0 * EPS });
    std::fs::write(&path, manifest.to_json().unwrap()).unwrap();
    assert_eq!(case.judge().entries[0].outcome, Outcome::WithinYardstick);
}

#[test]
fn the_truths_own_infinities_are_no_fault() {
    let mut truth = Noise(4).take(100);
    truth[3] = f64::NEG_INFINITY;
    truth[4] = f64::NAN;
    let value = Value::forward("masked", truth);
    let mut candidate = value.fp32.clone();
    candidate[0] = candidate[0].next_up();
    assert_eq!(judged(value.clone(), candidate.clone()).outcome, Outcome::WithinYardstick);
    candidate[3] = f32::INFINITY;
    assert_eq!(judged(value.clone(), candidate.clone()).outcome, Outcome::NonFinite);
    candidate[3] = 0.0;
    assert_eq!(judged(value, candidate).outcome, Outcome::NonFinite);
}

#[test]
fn empty_tensors_are_identical() {
    let value = Value { shape: vec![0, 3], ..Value::forward("storage_tokens", vec![]) };
    assert_eq!(judged(value, vec![]).outcome, Outcome::Identical);
}

#[test]
fn initial_weights_may_differ_by_an_ulp_and_not_by_their_seed() {
    let mut value = Value::forward("param:w", Noise(5).take(2000));
    value.stage = Stage::Init;
    let ulps: Vec<f32> =
        value.fp32.iter().enumerate().map(|(i, it)| if i % 3 == 0 { it.next_up() } else { *it }).collect();
    let entry = judged(value.clone(), ulps.clone());
    assert_eq!((entry.outcome, entry.metrics), (Outcome::WithinYardstick, None));
    let other_seed = Noise(6).take(2000).into_iter().map(|it| it as f32).collect();
    assert_eq!(judged(value.clone(), other_seed).outcome, Outcome::Beyond);
    let mut nan = value.fp32.clone();
    nan[0] = f32::NAN;
    assert_eq!(judged(value.clone(), nan).outcome, Outcome::NonFinite);
    let judgement = Case::of(value, ulps).judge_as(Expectation::Identical);
    assert_eq!(outcomes(&judgement), [Outcome::NotIdentical]);
}

#[test]
fn whole_numbers_are_equal_or_wrong() {
    let root = folder_in_memory();
    let dir = root.path().join("golden");
    let mut writer = crate::SetWriter::create(&dir, crate::testing::header("tiny"), crate::Existing::Refuse).unwrap();
    let bytes = |values: &[i64]| values.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<_>>();
    let drawn = bytes(&[2, 0, 1]);
    let view = TensorView::new(Dtype::I64, &[3], &drawn).unwrap();
    for &precision in Precision::ALL {
        writer.record(precision, "rng:randperm", Stage::Forward, view).unwrap();
        writer.record(precision, "data:masks", Stage::Data, view).unwrap();
    }
    writer.finish().unwrap();
    let golden = GoldenSet::open(&dir).unwrap();
    let mut judge = Judge::new(&golden, Precision::Bf16, yardstick(), RULES).unwrap();
    let other = bytes(&[2, 1, 0]);
    let other = TensorView::new(Dtype::I64, &[3], &other).unwrap();
    let entry = judge.observe("rng:randperm", other).unwrap();
    assert_eq!(entry.outcome, Outcome::Beyond);
    assert_eq!(entry.reason, Some(Reason::WholeNumbers { largest: Some(1.0) }));
    let entry = judge.observe("data:masks", other).unwrap();
    assert_eq!((entry.outcome, entry.metrics), (Outcome::Beyond, None));
    let mut judge = Judge::new(&golden, Precision::Bf16, yardstick(), RULES).unwrap();
    assert_eq!(judge.observe("rng:randperm", view).unwrap().outcome, Outcome::Identical);
}
