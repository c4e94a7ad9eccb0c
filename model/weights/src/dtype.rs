//! The dtypes of weights, and their names in each format.

use safetensors::Dtype as InSafetensors;

/// A dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dtype {
    /// `torch.float32`.
    Float,
    /// `torch.float64`.
    Double,
    /// `torch.float16`.
    Half,
    /// `torch.bfloat16`.
    BFloat16,
    /// `torch.int64`.
    Int64,
    /// `torch.int32`.
    Int,
    /// `torch.int16`.
    Int16,
    /// `torch.int8`.
    Int8,
    /// `torch.uint8`.
    Uint8,
    /// `torch.bool`.
    Bool,
}

/// The dtype, its name in torch, its storage's class, its name in safetensors, bytes of an element.
const TABLE: [(Dtype, &str, &str, InSafetensors, usize); 10] = [
    (Dtype::Float, "float32", "FloatStorage", InSafetensors::F32, 4),
    (Dtype::Double, "float64", "DoubleStorage", InSafetensors::F64, 8),
    (Dtype::Half, "float16", "HalfStorage", InSafetensors::F16, 2),
    (Dtype::BFloat16, "bfloat16", "BFloat16Storage", InSafetensors::BF16, 2),
    (Dtype::Int64, "int64", "LongStorage", InSafetensors::I64, 8),
    (Dtype::Int, "int32", "IntStorage", InSafetensors::I32, 4),
    (Dtype::Int16, "int16", "ShortStorage", InSafetensors::I16, 2),
    (Dtype::Int8, "int8", "CharStorage", InSafetensors::I8, 1),
    (Dtype::Uint8, "uint8", "ByteStorage", InSafetensors::U8, 1),
    (Dtype::Bool, "bool", "BoolStorage", InSafetensors::BOOL, 1),
];

impl Dtype {
    fn row(self) -> &'static (Self, &'static str, &'static str, InSafetensors, usize) {
        TABLE.iter().find(|row| row.0 == self).expect("every dtype has a row")
    }

    /// Its name in torch: `float32`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The class of its storages: `FloatStorage`.
    pub(crate) fn class(self) -> &'static str {
        self.row().2
    }

    pub(crate) fn in_safetensors(self) -> InSafetensors {
        self.row().3
    }

    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        self.row().4
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    pub(crate) fn of_class(class: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.2 == class).map(|row| row.0)
    }

    pub(crate) fn of_safetensors(dtype: InSafetensors) -> Option<Self> {
        TABLE.iter().find(|row| row.3 == dtype).map(|row| row.0)
    }
}
