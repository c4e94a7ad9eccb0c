//! Distance between two values, counted in representable numbers of one dtype.

use half::f16;

use crate::names::Dtype;
use crate::tensor::{bf16_bits, rounded_to_odd};

/// The largest distance over a chunk, counted in representable values of `dtype`, between each candidate element and
/// the reference rounded to `dtype`. All elements must be finite, and the candidate's elements must be values of
/// `dtype`; `exact` says that the reference's elements are values of `dtype` too. For integers and booleans: the
/// largest absolute difference.
#[inline(always)]
pub(crate) fn max_ulp(dtype: Dtype, exact: bool, candidate: &[f64], reference: &[f64]) -> u64 {
    let bf16_exactly = |value: f64| key16(((value as f32).to_bits() >> 16) as u16);
    match dtype {
        Dtype::F64 => {
            let key = |value: f64| key64(value.to_bits());
            fold(candidate, reference, key, key, i64::abs_diff)
        }
        Dtype::F32 => {
            let key = |value: f64| key32((value as f32).to_bits());
            u64::from(fold(candidate, reference, key, key, i32::abs_diff))
        }
        Dtype::Bf16 if exact => u64::from(fold(candidate, reference, bf16_exactly, bf16_exactly, i16::abs_diff)),
        Dtype::Bf16 => {
            u64::from(fold(candidate, reference, bf16_exactly, |value| key16(bf16_bits(value)), i16::abs_diff))
        }
        Dtype::F16 => {
            let key = |value: f64| key16(f16::from_f32(rounded_to_odd(value)).to_bits());
            u64::from(fold(candidate, reference, key, key, i16::abs_diff))
        }
        Dtype::I64 | Dtype::I32 | Dtype::U8 | Dtype::Bool => {
            fold(candidate, reference, |value| value, |value| value, |a: f64, b: f64| (a - b).abs() as u64)
        }
    }
}

/// Eight independent maxima, so that the loop vectorises.
#[inline(always)]
fn fold<K: Copy, D: Copy + Ord + Default>(
    candidate: &[f64],
    reference: &[f64],
    candidate_key: impl Fn(f64) -> K,
    reference_key: impl Fn(f64) -> K,
    distance: impl Fn(K, K) -> D,
) -> D {
    let mut most = [D::default(); 8];
    let (a, a_rest) = candidate.as_chunks::<8>();
    let (b, b_rest) = reference.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            most[lane] = most[lane].max(distance(candidate_key(a[lane]), reference_key(b[lane])));
        }
    }
    for (&a, &b) in a_rest.iter().zip(b_rest) {
        most[0] = most[0].max(distance(candidate_key(a), reference_key(b)));
    }
    most.into_iter().max().unwrap_or_default()
}

/// Converts sign and magnitude to a number that counts representable values; both zeros become 0.
fn key64(bits: u64) -> i64 {
    let sign = bits as i64 >> 63;
    ((bits as i64 & i64::MAX) ^ sign) - sign
}

fn key32(bits: u32) -> i32 {
    let sign = bits as i32 >> 31;
    ((bits as i32 & i32::MAX) ^ sign) - sign
}

fn key16(bits: u16) -> i16 {
    let sign = bits as i16 >> 15;
    ((bits as i16 & i16::MAX) ^ sign) - sign
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_are_one_apart_and_zeros_none() {
        for dtype in [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::Bf16] {
            let next = 1.0 + dtype.eps();
            assert_eq!(max_ulp(dtype, false, &[next], &[1.0]), 1, "{dtype}");
            assert_eq!(max_ulp(dtype, false, &[0.0], &[-0.0]), 0, "{dtype}");
            assert_eq!(max_ulp(dtype, false, &[1.0, next, -next], &[1.0, 1.0, next]) % 2, 0, "{dtype}");
            // A quarter of a gap rounds back.
            if dtype != Dtype::F64 {
                assert_eq!(max_ulp(dtype, false, &[1.0], &[1.0 + dtype.eps() / 4.0]), 0, "{dtype}");
            }
        }
        assert_eq!(max_ulp(Dtype::I64, true, &[3.0, 5.0], &[3.0, 1.0]), 4);
    }

    #[test]
    fn subnormals_count_across_zero() {
        let tiny = f64::from(f32::from_bits(1));
        assert_eq!(max_ulp(Dtype::F32, false, &[tiny], &[-tiny]), 2);
    }

    proptest! {
        /// Walking `steps` representable values away is a distance of `steps`.
        #[test]
        fn f32_counts_steps(start: f32, steps in 0u32..1000) {
            prop_assume!(start.is_finite());
            let mut walked = start;
            for _ in 0..steps {
                let next = walked.next_up();
                prop_assume!(next.is_finite());
                // -0 and +0 are one value.
                walked = if walked == 0.0 { f32::from_bits(1) } else { next };
            }
            prop_assert_eq!(max_ulp(Dtype::F32, false, &[f64::from(walked)], &[f64::from(start)]), u64::from(steps));
        }

        #[test]
        fn the_worst_of_many_is_found(values in prop::collection::vec(-1e3f32..1e3, 1..40), at: prop::sample::Index) {
            let reference: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
            let mut candidate = reference.clone();
            let at = at.index(values.len());
            candidate[at] = f64::from(values[at].next_up().next_up().next_up());
            let found = max_ulp(Dtype::F32, false, &candidate, &reference);
            prop_assert!(found == 3 || (found == 2 && values[at].abs() < 1e-40), "{}", found);
        }
    }
}
