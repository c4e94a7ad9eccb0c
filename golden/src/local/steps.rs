//! Distances in steps: the spacing of a dtype's numbers.

use half::f16;

use crate::names::Dtype;
use crate::tensor::{bf16_bits, rounded_to_odd};

/// The numbers of a floating-point dtype, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    dtype: Dtype,
    /// Bits of the significand, without the leading one.
    bits: i32,
    /// The exponent of the smallest normal number.
    smallest: i32,
}

impl Steps {
    /// `None` for a dtype that is not floating-point.
    pub fn of(dtype: Dtype) -> Option<Self> {
        let (bits, smallest) = match dtype {
            Dtype::F64 => (52, -1022),
            Dtype::F32 => (23, -126),
            Dtype::F16 => (10, -14),
            Dtype::Bf16 => (7, -126),
            Dtype::I64 | Dtype::I32 | Dtype::U8 | Dtype::Bool => return None,
        };
        Some(Self { dtype, bits, smallest })
    }

    /// The distance between the numbers next to `value`. Below the normal numbers it does not shrink further.
    pub fn at(self, value: f64) -> f64 {
        let exponent = match value.abs() {
            0.0 => self.smallest,
            size => ((size.to_bits() >> 52) as i32 - 1023).max(self.smallest),
        };
        2f64.powi(exponent - self.bits)
    }

    /// The nearest number to `value`; to even where two are as near.
    pub fn nearest(self, value: f64) -> f64 {
        match self.dtype {
            Dtype::F32 => f64::from(value as f32),
            Dtype::Bf16 => f64::from(f32::from_bits(u32::from(bf16_bits(value)) << 16)),
            Dtype::F16 => f16::from_f32(rounded_to_odd(value)).to_f64(),
            _ => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_those_of_the_dtype() {
        let steps = |dtype| Steps::of(dtype).unwrap();
        assert_eq!(steps(Dtype::F32).at(1.5), f64::from(f32::EPSILON));
        assert_eq!(steps(Dtype::F32).at(-4.0), 4.0 * f64::from(f32::EPSILON));
        assert_eq!(steps(Dtype::Bf16).at(1.0), 1.0 / 128.0);
        assert_eq!(steps(Dtype::F16).at(0.0), 2f64.powi(-24), "the smallest subnormal");
        assert!(Steps::of(Dtype::I64).is_none());
    }

    #[test]
    fn the_nearest_number_is_at_most_half_a_step_away() {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
            let steps = Steps::of(dtype).unwrap();
            for value in [0.1, -3.7, 1.0 / 3.0, 1e-3, 250.3] {
                assert!((steps.nearest(value) - value).abs() <= steps.at(value) / 2.0, "{dtype} {value}");
                assert_eq!(steps.nearest(steps.nearest(value)), steps.nearest(value));
            }
        }
    }
}
