//! The closed vocabularies of the format: precisions, stages, dtypes.

use dinov3_names::named;

pub use dinov3_names::{EntryName, EntryNameError, Keep, Kind, Stage, UnknownName, WRAPPERS, compose};

named! {
    /// The precision at which a value was recorded.
    Precision, "precision", {
        /// The reference's code run in float64. Errors are measured against its values.
        Truth = "truth",
        /// Everything in float32.
        Fp32 = "fp32",
        /// The reference's mixed precision: bfloat16 parameters and activations, float32 reductions.
        Bf16 = "bf16",
    }
}

named! {
    /// Element type, under its safetensors name.
    Dtype, "dtype", {
        /// IEEE binary64.
        F64 = "F64",
        /// IEEE binary32.
        F32 = "F32",
        /// IEEE binary16.
        F16 = "F16",
        /// bfloat16: the upper half of binary32.
        Bf16 = "BF16",
        /// Signed 64-bit integer.
        I64 = "I64",
        /// Signed 32-bit integer.
        I32 = "I32",
        /// Unsigned byte.
        U8 = "U8",
        /// One byte, zero or one.
        Bool = "BOOL",
    }
}

impl Dtype {
    /// Bytes per element.
    pub const fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::U8 | Self::Bool => 1,
        }
    }

    /// Whether elements are floating-point numbers, which may carry rounding errors.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::Bf16)
    }

    /// Distance from 1 to the next representable value (twice the unit roundoff); 0 for integers and booleans.
    pub const fn eps(self) -> f64 {
        match self {
            Self::F64 => f64::EPSILON,
            Self::F32 => f32::EPSILON as f64,
            Self::F16 => 1.0 / 1024.0,
            Self::Bf16 => 1.0 / 128.0,
            Self::I64 | Self::I32 | Self::U8 | Self::Bool => 0.0,
        }
    }

    /// The largest magnitude that hardware may legitimately flush to zero: below the smallest normal number for the
    /// wide types. binary16 is exempt (its subnormals are supported wherever the type is); 0 for integers and booleans.
    pub const fn flush(self) -> f64 {
        match self {
            Self::F64 => f64::MIN_POSITIVE,
            Self::F32 | Self::Bf16 => f32::MIN_POSITIVE as f64,
            Self::F16 | Self::I64 | Self::I32 | Self::U8 | Self::Bool => 0.0,
        }
    }

    pub(crate) const fn safetensors(self) -> safetensors::Dtype {
        use safetensors::Dtype as Theirs;
        match self {
            Self::F64 => Theirs::F64,
            Self::F32 => Theirs::F32,
            Self::F16 => Theirs::F16,
            Self::Bf16 => Theirs::BF16,
            Self::I64 => Theirs::I64,
            Self::I32 => Theirs::I32,
            Self::U8 => Theirs::U8,
            Self::Bool => Theirs::BOOL,
        }
    }

    /// `None` for the types of safetensors that the format does not use.
    pub(crate) fn from_safetensors(theirs: safetensors::Dtype) -> Option<Self> {
        Self::ALL.iter().copied().find(|ours| ours.safetensors() == theirs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_text_and_in_files() {
        for &precision in Precision::ALL {
            assert_eq!(precision.as_str().parse(), Ok(precision));
            assert_eq!(serde_json::to_value(precision).unwrap(), precision.as_str());
        }
        for &dtype in Dtype::ALL {
            assert_eq!(serde_json::to_value(dtype).unwrap(), dtype.as_str());
            assert_eq!(Dtype::from_safetensors(dtype.safetensors()), Some(dtype));
            assert_eq!(serde_json::to_value(dtype.safetensors()).unwrap(), dtype.as_str());
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = "fp16".parse::<Precision>().unwrap_err();
        insta::assert_snapshot!(error, @"`fp16` is not a precision");
        insta::assert_snapshot!(dinov3_ground::Hint::hints(&error), @"use one of truth, fp32, bf16");
    }

    #[test]
    fn eps_is_the_gap_above_one() {
        assert_eq!(half::bf16::from_bits(half::bf16::ONE.to_bits() + 1).to_f64() - 1.0, Dtype::Bf16.eps());
        assert_eq!(half::f16::from_bits(half::f16::ONE.to_bits() + 1).to_f64() - 1.0, Dtype::F16.eps());
    }
}
