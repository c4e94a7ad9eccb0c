use approx::assert_relative_eq;
use proptest::prelude::*;

use super::*;
use crate::testing::{bytes_f32, bytes_f64};

fn compare_f32(candidate: &[f32], reference: &[f32]) -> Metrics {
    let shape = [candidate.len()];
    let (a, b) = (bytes_f32(candidate), bytes_f32(reference));
    compare(TensorView::new(Dtype::F32, &shape, &a).unwrap(), TensorView::new(Dtype::F32, &shape, &b).unwrap()).unwrap()
}

fn compare_f32_f64(candidate: &[f32], reference: &[f64]) -> Metrics {
    let shape = [candidate.len()];
    let (a, b) = (bytes_f32(candidate), bytes_f64(reference));
    compare(TensorView::new(Dtype::F32, &shape, &a).unwrap(), TensorView::new(Dtype::F64, &shape, &b).unwrap()).unwrap()
}

/// The definitions, written out with no thought of speed.
fn naive(candidate: &[f64], reference: &[f64]) -> Metrics {
    let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
    let pairs: Vec<_> = candidate.iter().copied().zip(reference.iter().copied()).collect();
    let finite: Vec<_> = pairs.iter().copied().filter(|(a, b)| a.is_finite() && b.is_finite()).collect();
    let sum = |f: &dyn Fn(f64, f64) -> f64| finite.iter().map(|&(a, b)| f(a, b)).sum::<f64>();
    let max = |f: &dyn Fn(f64, f64) -> f64| finite.iter().map(|&(a, b)| f(a, b)).fold(0.0, f64::max);
    let error_l2 = sum(&|a, b| (a - b).powi(2)).sqrt();
    let (candidate_l2, reference_l2) = (sum(&|a, _| a * a).sqrt(), sum(&|_, b| b * b).sqrt());
    Metrics {
        count: pairs.len() as u64,
        max_abs: max(&|a, b| (a - b).abs()),
        mean_abs: sum(&|a, b| (a - b).abs()) / finite.len().max(1) as f64,
        rel_l2: if error_l2 == 0.0 { 0.0 } else { error_l2 / reference_l2 },
        cosine: if candidate_l2 == 0.0 && reference_l2 == 0.0 {
            1.0
        } else if candidate_l2 == 0.0 || reference_l2 == 0.0 {
            0.0
        } else {
            sum(&|a, b| a * b) / candidate_l2 / reference_l2
        },
        max_ulp: finite.iter().map(|&(a, b)| steps_between(a as f32, b as f32)).max().unwrap_or(0),
        non_finite: pairs.iter().filter(|(a, b)| !same(*a, *b) && !(a - b).is_finite()).count() as u64,
        identical: false,
        error_l2,
        reference_l2,
        reference_max_abs: max(&|_, b| b.abs()),
    }
}

/// Counts by the magnitudes on either side of zero: another way to say it than the keys of `ulp.rs`.
fn steps_between(a: f32, b: f32) -> u64 {
    let magnitude = |x: f32| i64::from(x.abs().to_bits());
    if a.is_sign_negative() == b.is_sign_negative() {
        (magnitude(a) - magnitude(b)).unsigned_abs()
    } else {
        (magnitude(a) + magnitude(b)) as u64
    }
}

fn assert_close(ours: &Metrics, naive: &Metrics) {
    assert_eq!(
        (ours.count, ours.max_abs, ours.max_ulp, ours.non_finite, ours.reference_max_abs),
        (naive.count, naive.max_abs, naive.max_ulp, naive.non_finite, naive.reference_max_abs)
    );
    for (a, b) in [
        (ours.mean_abs, naive.mean_abs),
        (ours.rel_l2, naive.rel_l2),
        (ours.error_l2, naive.error_l2),
        (ours.reference_l2, naive.reference_l2),
    ] {
        assert_relative_eq!(a, b, max_relative = 1e-12);
    }
    assert_relative_eq!(ours.cosine, naive.cosine, epsilon = 1e-12);
}

/// Ordinary numbers, with a NaN, an infinity, a subnormal or a zero now and then.
fn value() -> impl Strategy<Value = f32> {
    prop_oneof![
        20 => -1e3f32..1e3,
        1 => Just(f32::NAN),
        1 => Just(f32::INFINITY),
        1 => Just(f32::NEG_INFINITY),
        1 => Just(-0.0f32),
        1 => Just(f32::from_bits(3)),
    ]
}

proptest! {
    #[test]
    fn agrees_with_the_naive_definitions(pairs in prop::collection::vec((value(), value()), 0..1300)) {
        let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        let expected = naive(&wide(&a), &wide(&b));
        assert_close(&compare_f32(&a, &b), &expected);
        // The same values held in float64 measure the same to the bit: chunks have equal lengths.
        let mixed = compare_f32_f64(&a, &wide(&b));
        prop_assert_eq!(mixed, Metrics { identical: false, ..compare_f32(&a, &b) });
    }

    #[test]
    fn a_finite_chunk_agrees_too(pairs in prop::collection::vec((-1e30f32..1e30, -1e3f64..1e3), 1..1300)) {
        let (a, b): (Vec<f32>, Vec<f64>) = pairs.into_iter().unzip();
        let wide: Vec<f64> = a.iter().map(|&v| f64::from(v)).collect();
        assert_close(&compare_f32_f64(&a, &b), &naive(&wide, &b));
    }

    #[test]
    fn a_tensor_equals_itself(bits in prop::collection::vec(any::<u32>(), 0..1300)) {
        let values: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
        let metrics = compare_f32(&values, &values);
        prop_assert!(metrics.identical);
        prop_assert_eq!((metrics.max_abs, metrics.rel_l2, metrics.max_ulp, metrics.non_finite), (0.0, 0.0, 0, 0));
    }
}

#[test]
fn all_registers_give_the_same_bits() {
    let mut noise = crate::testing::Noise(9);
    let shape = [3 * CHUNK + 7];
    let truth: Vec<f64> = noise.take(shape[0]);
    let near: Vec<f32> = truth.iter().map(|&it| (it * (1.0 + 1e-6 * noise.draw())) as f32).collect();
    let (a, b) = (bytes_f32(&near), bytes_f64(&truth));
    let candidate = TensorView::new(Dtype::F32, &shape, &a).unwrap();
    let reference = TensorView::new(Dtype::F64, &shape, &b).unwrap();
    assert_eq!(measured(candidate, reference), stream(candidate, reference));
}

#[test]
fn one_flipped_bit_is_not_identical() {
    let values = vec![1.0f32; 1200];
    let mut other = values.clone();
    other[1111] = f32::from_bits(other[1111].to_bits() ^ 1);
    let metrics = compare_f32(&other, &values);
    assert!(!metrics.identical);
    assert_eq!(metrics.max_ulp, 1);
}

#[test]
fn zeros_of_both_signs_agree_but_are_not_identical() {
    let metrics = compare_f32(&[-0.0], &[0.0]);
    assert_eq!((metrics.identical, metrics.max_abs, metrics.max_ulp), (false, 0.0, 0));
}

#[test]
fn a_zero_reference_has_no_scale() {
    let metrics = compare_f32(&[1e-20, 0.0], &[0.0, 0.0]);
    assert_eq!((metrics.rel_l2, metrics.rel_max(), metrics.cosine), (f64::INFINITY, f64::INFINITY, 0.0));
    let metrics = compare_f32(&[0.0], &[0.0]);
    assert_eq!((metrics.rel_l2, metrics.rel_max(), metrics.cosine), (0.0, 0.0, 1.0));
}

#[test]
fn infinities_of_other_sign_and_lone_nan_are_counted() {
    let inf = f32::INFINITY;
    let metrics = compare_f32(&[inf, -inf, f32::NAN, f32::NAN, 1.0, inf], &[inf, inf, f32::NAN, 1.0, f32::NAN, 2.0]);
    assert_eq!(metrics.non_finite, 4);
    assert_eq!(metrics.max_abs, 0.0);
}

#[test]
fn narrow_candidates_are_measured_against_the_wide_truth() {
    let shape = [1];
    let candidate = half::bf16::from_f32(1.0).to_le_bytes();
    let truth = bytes_f64(&[1.0 + Dtype::Bf16.eps()]);
    let metrics = compare(
        TensorView::new(Dtype::Bf16, &shape, &candidate).unwrap(),
        TensorView::new(Dtype::F64, &shape, &truth).unwrap(),
    )
    .unwrap();
    assert_eq!((metrics.max_ulp, metrics.max_abs), (1, Dtype::Bf16.eps()));
}

#[test]
fn what_cannot_be_compared_says_so() {
    let shape = [2];
    let longer = [3];
    let floats = TensorView::new(Dtype::F32, &shape, &[0; 8]).unwrap();
    let more = TensorView::new(Dtype::F32, &longer, &[0; 12]).unwrap();
    let ints = TensorView::new(Dtype::I32, &shape, &[0; 8]).unwrap();
    let told = |error: CompareError| dinov3_ground::hint::text(&error);
    insta::assert_snapshot!([compare(floats, more), compare(floats, ints)].map(|it| told(it.unwrap_err())).join("\n"));
}
