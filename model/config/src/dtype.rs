//! The dtypes that a config names.

use serde::Serialize;

/// A floating-point dtype (`compute_precision.param_dtype`, `student.pos_embed_rope_dtype`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Dtype {
    /// `fp32`.
    Float32,
    /// `bf16`.
    BFloat16,
}
