//! Floating-point formats, as far as exact sums need them.

use tch::Kind;

/// A binary format that rounds to nearest, ties to even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    /// The dtype.
    pub(super) kind: Kind,
    /// Its name in checks.
    pub(super) name: &'static str,
    /// Bits of the significand, the hidden one included.
    pub(super) bits: i32,
    /// The exponent of the smallest normal number.
    pub(super) min: i32,
    /// The exponent of the largest numbers.
    pub(super) max: i32,
}

/// The formats in which gradients are summed.
pub(super) const FORMATS: [Format; 4] = [
    Format { kind: Kind::Double, name: "f64", bits: 53, min: -1022, max: 1023 },
    Format { kind: Kind::Float, name: "f32", bits: 24, min: -126, max: 127 },
    Format { kind: Kind::Half, name: "f16", bits: 11, min: -14, max: 15 },
    Format { kind: Kind::BFloat16, name: "bf16", bits: 8, min: -126, max: 127 },
];

impl Format {
    /// The largest error of one rounding, relative to its result: half a step.
    pub(super) fn roundoff(self) -> f64 {
        power(-self.bits)
    }

    /// The smallest number above 0.
    pub(super) fn smallest(self) -> f64 {
        power(self.min + 1 - self.bits)
    }

    /// The largest number.
    pub(super) fn largest(self) -> f64 {
        (2.0 - power(1 - self.bits)) * power(self.max)
    }

    /// The smallest number that is rounded to infinity, in units of 2^-`shift`.
    pub(super) fn overflow(self, shift: i32) -> f64 {
        (2.0 - power(-self.bits)) * power(self.max + shift)
    }

    /// `value`, rounded to this format. For float64 it is `value` itself, unless it is beyond the range; such values are in units of 2^-`shift`.
    pub(super) fn rounded(self, value: f64, shift: i32) -> f64 {
        if value == 0.0 || !value.is_finite() {
            return value;
        }
        if value.abs() >= self.overflow(shift) {
            return f64::INFINITY.copysign(value);
        }
        if self.kind == Kind::Double {
            return value;
        }
        let step = power(exponent(value).max(self.min) + 1 - self.bits);
        (value / step).round_ties_even() * step
    }
}

/// 2^`exponent`, down to the smallest subnormal of float64.
pub(super) fn power(exponent: i32) -> f64 {
    match exponent {
        -1022..=1023 => f64::from_bits(((exponent + 1023) as u64) << 52),
        -1074..-1022 => f64::from_bits(1 << (exponent + 1074)),
        _ if exponent > 0 => f64::INFINITY,
        _ => 0.0,
    }
}

/// The exponent of a number that is not subnormal in float64.
fn exponent(value: f64) -> i32 {
    ((value.to_bits() >> 52) & 0x7ff) as i32 - 1023
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::*;

    #[test]
    fn rounding_is_that_of_libtorch() {
        let mut values: Vec<f64> =
            vec![0.0, -0.0, 1.0 / 3.0, 65504.0, 65519.9, 65520.0, 1e-8, 3e-8, -5e-8, 1e39, -1e-40];
        values.extend((0..2000).map(|i| (f64::from(i) * 0.77).sin() * power(i % 60 - 30)));
        for format in FORMATS {
            let theirs = Tensor::from_slice(&values).to_kind(format.kind).to_kind(Kind::Double);
            let theirs = Vec::<f64>::try_from(theirs).unwrap();
            for (value, theirs) in values.iter().zip(theirs) {
                let ours = format.rounded(*value, 0);
                assert_eq!(ours.to_bits(), theirs.to_bits(), "{} {value:e}: {ours:e} {theirs:e}", format.name);
            }
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        for format in FORMATS {
            let all = [format.smallest(), format.largest()];
            let kept = Tensor::from_slice(&all).to_kind(format.kind).to_kind(Kind::Double);
            assert_eq!(Vec::<f64>::try_from(kept).unwrap(), all, "{}", format.name);
        }
    }
}
