use super::*;
use crate::names::Dtype;
use crate::tensor::TensorView;
use crate::tolerance::Operation;

/// `count` float32 numbers that a float64 generator spreads over a bell.
fn values(count: usize) -> Vec<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..count).map(|_| (0..12).map(|_| uniform()).sum::<f64>() - 6.0).collect()
}

/// The judgement on the truth times `1 + factor` plus `bias` steps, rounded once to `dtype`.
fn judged(dtype: Dtype, operation: Operation, factor: f64, bias: f64) -> LocalJudgement {
    let truth = values(20_000);
    let steps = Steps::of(dtype).unwrap();
    let typical = 1.0;
    let wrong = |value: &f64| value * (1.0 + factor) + bias * steps.at(value.abs().max(typical));
    let bytes: Vec<u8> = match dtype {
        Dtype::F32 => truth.iter().flat_map(|it| (wrong(it) as f32).to_le_bytes()).collect(),
        _ => truth.iter().flat_map(|it| crate::tensor::bf16_bits(wrong(it)).to_le_bytes()).collect(),
    };
    let shape = [truth.len()];
    let view = TensorView::new(dtype, &shape, &bytes).unwrap();
    judge(operation, &own_error(view, &truth, dtype, &[]).unwrap(), None)
}

#[test]
fn a_result_that_is_rounded_once_is_right() {
    for dtype in [Dtype::Bf16, Dtype::F32] {
        for operation in [Operation::Rounded, Operation::Product, Operation::Several, Operation::Attention] {
            let judgement = judged(dtype, operation, 0.0, 0.0);
            assert!(!judgement.is_defect(), "{dtype} {operation:?}: {:?}", judgement.breaches);
        }
    }
}

/// The judgement on the truth, rounded once to `dtype`, with a share of the elements a step off.
fn turned(dtype: Dtype, operation: Operation, share: f64) -> LocalJudgement {
    let truth = values(20_000);
    let steps = Steps::of(dtype).unwrap();
    let every = (1.0 / share) as usize;
    let wrong = |(i, value): (usize, &f64)| {
        let off = if i % every == 0 { steps.at(*value) } else { 0.0 };
        steps.nearest(*value) + off
    };
    let wrong: Vec<f64> = truth.iter().enumerate().map(wrong).collect();
    let bytes: Vec<u8> = match dtype {
        Dtype::F32 => wrong.iter().flat_map(|it| (*it as f32).to_le_bytes()).collect(),
        _ => wrong.iter().flat_map(|it| crate::tensor::bf16_bits(*it).to_le_bytes()).collect(),
    };
    let shape = [truth.len()];
    let view = TensorView::new(dtype, &shape, &bytes).unwrap();
    judge(operation, &own_error(view, &truth, dtype, &[]).unwrap(), None)
}

/// The smallest power of a half that is found, for each kind of operation, of 20,000 elements that nobody else recorded.
#[test]
fn the_detection_curve_of_each_kind_of_operation() {
    let smallest = |largest: f64, found: &dyn Fn(f64) -> bool| {
        (0..40).map(|n| largest * 0.5f64.powi(n)).take_while(|it| found(*it)).last()
    };
    let mut rows = vec![
        "operation, dtype: factor (printed bound), constant in steps (printed bound), share a step off".to_owned(),
    ];
    let kinds = [
        Operation::Rounded,
        Operation::Product,
        Operation::Convolution,
        Operation::Attention,
        Operation::Normalised,
        Operation::Rotation,
        Operation::Several,
    ];
    for (operation, dtype) in kinds.into_iter().flat_map(|kind| [Dtype::Bf16, Dtype::F32].map(|dtype| (kind, dtype))) {
        let bound = judged(dtype, operation, 0.0, 0.0).bound;
        let factor = smallest(1.0, &|it| judged(dtype, operation, it, 0.0).is_defect()).expect("a factor of two");
        let bias = smallest(64.0, &|it| judged(dtype, operation, 0.0, it).is_defect()).expect("64 steps");
        let share = smallest(1.0, &|it| turned(dtype, operation, it).is_defect());
        let share = share.map_or_else(|| "none".to_owned(), |it| format!("{it:.1e}"));
        for (found, bound) in [(factor, bound.factor), (bias, bound.bias)] {
            assert!(found <= 2.0 * bound && found >= bound / 2.0, "{operation:?} {dtype}: {found:e} and {bound:e}");
        }
        rows.push(format!(
            "{operation:?} {dtype}: {factor:.1e} ({:.1e}), {bias:.1e} ({:.1e}), {share}",
            bound.factor, bound.bias
        ));
    }
    insta::assert_snapshot!(rows.join("\n"));
}

/// The bound is neither a boast nor an understatement: twice as much is found, a quarter is not.
#[test]
fn the_bound_is_what_is_found() {
    for (operation, dtype) in [Operation::Attention, Operation::Product, Operation::Rounded]
        .into_iter()
        .flat_map(|operation| [Dtype::Bf16, Dtype::F32].map(|dtype| (operation, dtype)))
    {
        let bound = judged(dtype, operation, 0.0, 0.0).bound;
        for sign in [1.0, -1.0] {
            assert!(judged(dtype, operation, sign * 2.0 * bound.factor, 0.0).is_defect(), "{dtype} {bound:?}");
            assert!(!judged(dtype, operation, sign * bound.factor / 4.0, 0.0).is_defect(), "{dtype} {bound:?}");
            assert!(judged(dtype, operation, 0.0, sign * 2.0 * bound.bias).is_defect(), "{dtype} {bound:?}");
            assert!(!judged(dtype, operation, 0.0, sign * bound.bias / 4.0).is_defect(), "{dtype} {bound:?}");
        }
    }
}

/// A gradient of which one element is a thousand times as large as the others was said to be multiplied by 1 - 3.4e-4, and each of its elements
/// was the nearest number.
#[test]
fn the_rounding_of_one_large_element_is_no_factor() {
    let mut truth = values(1_000);
    truth[0] = 1000.0 + 1.9;
    let judged = |off: f64| {
        let rounded = |it: &f64| crate::tensor::bf16_bits(it * (1.0 + off)).to_le_bytes();
        let bytes: Vec<u8> = truth.iter().flat_map(rounded).collect();
        let shape = [truth.len()];
        let view = TensorView::new(Dtype::Bf16, &shape, &bytes).unwrap();
        own_error(view, &truth, Dtype::Bf16, &[]).unwrap()
    };
    let own = judged(0.0);
    assert!(own.factor.value.abs() > 5e-4, "{:?}", own.factor);
    assert!(!judge(Operation::Rounded, &own, None).is_defect());
    assert!(judge(Operation::Rounded, &judged(0.01), None).is_defect());
}

/// An element in a hundred that is one step off moves neither the mean nor the norm, and is seen.
#[test]
fn elements_that_are_not_the_nearest_are_counted() {
    let truth = values(20_000);
    let steps = Steps::of(Dtype::Bf16).unwrap();
    let off = |(i, value): (usize, &f64)| {
        let nearest = steps.nearest(*value);
        let sign = if i % 200 == 0 { 1.0 } else { -1.0 };
        if i % 100 == 0 { nearest + sign * steps.at(nearest) } else { nearest }
    };
    let bytes: Vec<u8> =
        truth.iter().enumerate().flat_map(|it| crate::tensor::bf16_bits(off(it)).to_le_bytes()).collect();
    let shape = [truth.len()];
    let view = TensorView::new(Dtype::Bf16, &shape, &bytes).unwrap();
    let own = own_error(view, &truth, Dtype::Bf16, &[]).unwrap();
    assert!((own.misrounded_share() - 0.01).abs() < 0.001, "{}", own.misrounded_share());
    let breaches = judge(Operation::Product, &own, None).breaches;
    assert!(breaches.iter().any(|it| it.measure == Measure::Misrounded), "{breaches:?}");
}

/// A known direction is fitted, and its multiple told.
#[test]
fn a_probe_is_fitted() {
    let truth = values(20_000);
    let direction: Vec<f64> = truth.iter().map(|value| value * value / 100.0).collect();
    let with = truth.iter().zip(&direction).map(|(value, d)| value + 0.5 * d);
    let bytes: Vec<u8> = with.flat_map(|it| crate::tensor::bf16_bits(it).to_le_bytes()).collect();
    let shape = [truth.len()];
    let view = TensorView::new(Dtype::Bf16, &shape, &bytes).unwrap();
    let own = own_error(view, &truth, Dtype::Bf16, &[Probe { direction: &direction }]).unwrap();
    let probe = own.probes[0];
    assert!((probe.value - 0.5).abs() < 4.0 * probe.error && probe.error < 0.02, "{probe:?}");
}

#[test]
fn a_number_that_is_none_is_a_breach() {
    let bytes: Vec<u8> = [1.0f32, f32::NAN].iter().flat_map(|it| it.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, &[2], &bytes).unwrap();
    let own = own_error(view, &[1.0, 2.0], Dtype::F32, &[]).unwrap();
    assert_eq!((own.non_finite, own.count), (1, 1));
    assert_eq!(judge(Operation::Rounded, &own, None).breaches[0].measure, Measure::NonFinite);
    assert!(own_error(view, &[1.0], Dtype::F32, &[]).is_none(), "another number of elements");
}

#[test]
fn a_limit_that_is_no_number_allows_nothing() {
    let bytes: Vec<u8> = [1.0f32, 2.0].iter().flat_map(|it| it.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, &[2], &bytes).unwrap();
    let probe = Probe { direction: &[f64::NAN, 1.0] };
    let own = own_error(view, &[1.0, 2.0], Dtype::F32, &[probe]).unwrap();
    let breaches = judge(Operation::Rounded, &own, None).breaches;
    assert!(breaches.iter().any(|it| it.measure == Measure::Probe(0) && it.limit.is_nan()), "{breaches:?}");
}

/// Terms that cancel: the sum is a thousandth of them, and is off by their rounding. Seen to fail: against steps of the sum, a defect.
#[test]
fn a_sum_of_terms_that_cancel_is_off_by_their_rounding() {
    let truth: Vec<f64> = values(1000).iter().map(|value| value / 1024.0).collect();
    let off = values(1000).into_iter().rev().map(|noise| noise * f64::from(f32::EPSILON));
    let bytes: Vec<u8> = truth.iter().zip(off).flat_map(|(it, off)| ((it + off) as f32).to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, &[1000], &bytes).unwrap();
    let judged =
        |terms| judge(Operation::Several, &own_error_of_sums(view, &truth, Dtype::F32, &[], terms).unwrap(), None);
    assert!(judged(0.0).is_defect(), "against steps of the sum");
    assert!(!judged(1.0).is_defect(), "{:?}", judged(1.0).breaches);
}
