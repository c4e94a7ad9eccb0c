//! A tensor as this crate sees it, and its elements as float64.

use dinov3_ground::{Hint, Hints};
use half::f16;

use crate::names::Dtype;

/// Elements decoded at a time: two float64 buffers of this length stay in the first-level cache.
pub(crate) const CHUNK: usize = 512;

/// A whole contiguous tensor: dtype, shape and little-endian bytes, none of them owned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorView<'a> {
    dtype: Dtype,
    shape: &'a [usize],
    bytes: &'a [u8],
}

/// The number of bytes does not fit the tensor's dtype and shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes cannot be a {dtype} tensor of shape {shape:?}")]
pub struct TensorError {
    /// Element type.
    pub dtype: Dtype,
    /// Shape.
    pub shape: Vec<usize>,
    /// Number of bytes given.
    pub bytes: usize,
}

impl Hint for TensorError {
    fn hints(&self) -> Hints {
        "pass the contiguous bytes of the whole tensor".into()
    }
}

impl<'a> TensorView<'a> {
    /// Views `bytes` as a tensor.
    ///
    /// # Errors
    /// If the number of bytes does not fit `shape` and `dtype`.
    pub fn new(dtype: Dtype, shape: &'a [usize], bytes: &'a [u8]) -> Result<Self, TensorError> {
        let expected = shape.iter().try_fold(dtype.size(), |product, &extent| product.checked_mul(extent));
        if expected == Some(bytes.len()) {
            Ok(Self { dtype, shape, bytes })
        } else {
            Err(TensorError { dtype, shape: shape.to_vec(), bytes: bytes.len() })
        }
    }

    /// Element type.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Shape; empty for a scalar.
    pub fn shape(&self) -> &'a [usize] {
        self.shape
    }

    /// Contiguous little-endian elements.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Number of elements.
    pub fn numel(&self) -> usize {
        self.bytes.len() / self.dtype.size()
    }

    /// The coarsest dtype that holds every element: bfloat16 for a float32 tensor whose values are all bfloat16
    /// numbers, otherwise the tensor's own dtype.
    pub fn resolution(&self) -> Dtype {
        if self.dtype != Dtype::F32 {
            return self.dtype;
        }
        // Blocks, so that a tensor of full resolution is recognised by its beginning.
        let coarse = |block: &[u8]| block.as_chunks::<4>().0.iter().fold(0, |bits, raw| bits | raw[0] | raw[1]) == 0;
        if self.bytes.chunks(4 * CHUNK).all(coarse) { Dtype::Bf16 } else { Dtype::F32 }
    }

    /// All elements in order as float64.
    pub fn values(&self) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.numel());
        self.for_each_chunk(|chunk| values.extend_from_slice(chunk));
        values
    }

    /// Calls `each` with all elements in order as float64, a few hundred per call (I64 beyond 2^53 is rounded).
    pub fn for_each_chunk(&self, mut each: impl FnMut(&[f64])) {
        let mut buffer = [0.0; CHUNK];
        for bytes in self.bytes.chunks(CHUNK * self.dtype.size()) {
            let decoded = &mut buffer[..bytes.len() / self.dtype.size()];
            decode(self.dtype, bytes, decoded);
            each(decoded);
        }
    }
}

/// Decodes little-endian elements to float64. `out` has one place for each element of `bytes`.
#[inline(always)]
pub(crate) fn decode(dtype: Dtype, bytes: &[u8], out: &mut [f64]) {
    match dtype {
        Dtype::F64 => each(bytes, out, f64::from_le_bytes),
        Dtype::F32 => each(bytes, out, |raw| f64::from(f32::from_le_bytes(raw))),
        Dtype::F16 => each(bytes, out, |raw| f16::from_le_bytes(raw).to_f64()),
        Dtype::Bf16 => each(bytes, out, |raw| bf16_to_f64(u16::from_le_bytes(raw))),
        Dtype::I64 => each(bytes, out, |raw| i64::from_le_bytes(raw) as f64),
        Dtype::I32 => each(bytes, out, |raw| f64::from(i32::from_le_bytes(raw))),
        Dtype::U8 => each(bytes, out, |[byte]: [u8; 1]| f64::from(byte)),
        Dtype::Bool => each(bytes, out, |[byte]: [u8; 1]| f64::from(u8::from(byte != 0))),
    }
}

/// Widening a bfloat16 is a shift; `half` branches on NaN to quieten it, which would keep the loop scalar.
fn bf16_to_f64(bits: u16) -> f64 {
    f64::from(f32::from_bits(u32::from(bits) << 16))
}

#[inline(always)]
fn each<const N: usize>(bytes: &[u8], out: &mut [f64], convert: impl Fn([u8; N]) -> f64) {
    let (elements, rest) = bytes.as_chunks::<N>();
    debug_assert!(rest.is_empty() && elements.len() == out.len());
    for (out, &raw) in out.iter_mut().zip(elements) {
        *out = convert(raw);
    }
}

/// `value` rounded to bfloat16, to nearest even. `half` reads only the upper 32 bits and so misses near ties.
#[inline(always)]
pub(crate) fn bf16_bits(value: f64) -> u16 {
    let odd = rounded_to_odd(value).to_bits();
    let round = 0x7fff + ((odd >> 16) & 1);
    (odd.wrapping_add(round) >> 16) as u16
}

/// `value` rounded to odd float32: an exact value stays, any other becomes the neighbour whose last bit is set.
/// Rounding the result to a narrower type gives the correctly rounded value; rounding to nearest twice does not.
#[inline(always)]
pub(crate) fn rounded_to_odd(value: f64) -> f32 {
    let nearest = value as f32;
    let widened = f64::from(nearest);
    let away = u32::from(widened.abs() > value.abs());
    let inexact = u32::from(widened != value);
    f32::from_bits(nearest.to_bits().wrapping_sub(away) | inexact)
}

#[cfg(test)]
mod tests {
    use half::bf16;
    use proptest::prelude::*;

    use super::*;

    fn decoded(dtype: Dtype, bytes: &[u8]) -> Vec<f64> {
        let shape = [bytes.len() / dtype.size()];
        let mut all = Vec::new();
        TensorView::new(dtype, &shape, bytes).unwrap().for_each_chunk(|chunk| all.extend_from_slice(chunk));
        all
    }

    #[test]
    fn every_dtype_decodes() {
        assert_eq!(decoded(Dtype::F64, &(-2.5f64).to_le_bytes()), [-2.5]);
        assert_eq!(decoded(Dtype::F32, &(-2.5f32).to_le_bytes()), [-2.5]);
        assert_eq!(decoded(Dtype::F16, &f16::from_f32(-2.5).to_le_bytes()), [-2.5]);
        assert_eq!(decoded(Dtype::Bf16, &bf16::from_f32(-2.5).to_le_bytes()), [-2.5]);
        assert_eq!(decoded(Dtype::I64, &(-7i64).to_le_bytes()), [-7.0]);
        assert_eq!(decoded(Dtype::I32, &(-7i32).to_le_bytes()), [-7.0]);
        assert_eq!(decoded(Dtype::U8, &[0, 255]), [0.0, 255.0]);
        assert_eq!(decoded(Dtype::Bool, &[0, 1]), [0.0, 1.0]);
    }

    #[test]
    fn chunks_are_bounded_and_complete() {
        let values: Vec<u8> = (0..3 * CHUNK + 5).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let shape = [3 * CHUNK + 5];
        let mut next = 0.0;
        TensorView::new(Dtype::F32, &shape, &values).unwrap().for_each_chunk(|chunk| {
            assert!(chunk.len() <= CHUNK);
            for &value in chunk {
                assert_eq!(value, next);
                next += 1.0;
            }
        });
        assert_eq!(next, shape[0] as f64);
    }

    #[test]
    fn resolution_is_that_of_the_finest_element() {
        let mut values = vec![bf16::from_f32(0.3).to_f32(); 2 * CHUNK];
        let resolution = |values: &[f32]| {
            let bytes = crate::testing::bytes_f32(values);
            TensorView::new(Dtype::F32, &[values.len()], &bytes).unwrap().resolution()
        };
        assert_eq!(resolution(&values), Dtype::Bf16);
        values[CHUNK + 3] = 0.3;
        assert_eq!(resolution(&values), Dtype::F32);
        assert_eq!(TensorView::new(Dtype::F16, &[1], &[0, 0]).unwrap().resolution(), Dtype::F16);
    }

    #[test]
    fn wrong_length_is_refused() {
        let error = TensorView::new(Dtype::F32, &[2, 3], &[0; 20]).unwrap_err();
        insta::assert_snapshot!(error, @"20 bytes cannot be a F32 tensor of shape [2, 3]");
        assert!(TensorView::new(Dtype::F32, &[usize::MAX, 8], &[]).is_err(), "an overflowing shape");
        assert!(TensorView::new(Dtype::F32, &[0, 3], &[]).is_ok());
    }

    /// The nearer of the two neighbours, the even one at a tie: found by comparing distances.
    fn nearest_bf16(value: f64) -> u16 {
        let down = ((value as f32).to_bits() >> 16) as u16;
        let wide = |bits: u16| bf16::from_bits(bits).to_f64();
        // Truncating after rounding may be one too far; look at both sides of it.
        let candidates = [down.wrapping_sub(1), down, down + 1];
        let sound = candidates.into_iter().filter(|&bits| (bits ^ down) >> 15 == 0 && wide(bits).is_finite());
        sound
            .min_by(|&a, &b| {
                let distance = |bits| (wide(bits) - value).abs();
                distance(a).total_cmp(&distance(b)).then((a & 1).cmp(&(b & 1)))
            })
            .unwrap_or(down)
    }

    proptest! {
        #[test]
        fn bf16_rounds_once(value in -1e30f64..1e30) {
            prop_assert_eq!(bf16_bits(value), nearest_bf16(value), "{}", value);
        }

        #[test]
        fn bf16_rounds_ties_and_near_ties(bits in 0u16..0x7f00, negative: bool, nudge in -2i64..=2) {
            let bits = bits | (u16::from(negative) << 15);
            let value = f64::from(f32::from_bits((u32::from(bits) << 16) | 0x8000));
            let value = f64::from_bits((value.to_bits() as i64 + nudge) as u64);
            prop_assert_eq!(bf16_bits(value), nearest_bf16(value), "{}", value);
        }

        #[test]
        fn f16_rounds_near_ties(bits in 0x0400u16..0x7a00, nudge in -2i64..=2) {
            let (low, high) = (f16::from_bits(bits).to_f64(), f16::from_bits(bits + 1).to_f64());
            let value = f64::from_bits(((low + high) / 2.0).to_bits().wrapping_add_signed(nudge));
            let expected = bits + u16::from(nudge > 0 || (nudge == 0 && bits & 1 == 1));
            prop_assert_eq!(f16::from_f32(rounded_to_odd(value)).to_bits(), expected, "{}", value);
        }
    }
}
