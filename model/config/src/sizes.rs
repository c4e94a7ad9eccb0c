//! The builders of `dinov3/models/vision_transformer.py`, as a table.

use serde::Serialize;

/// Width, depth and heads of a named architecture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VitSize {
    /// Features, D.
    pub embed_dim: i64,
    /// Blocks.
    pub depth: usize,
    /// Attention heads.
    pub num_heads: i64,
    /// Hidden width of the feed-forward network divided by D. The config's `student.ffn_ratio` is not read.
    pub ffn_ratio: f64,
}

const fn size(embed_dim: i64, depth: usize, num_heads: i64, ffn_ratio: f64) -> VitSize {
    VitSize { embed_dim, depth, num_heads, ffn_ratio }
}

/// `vit_nano`, `vit_micro` and `vit_micro_wide` are our own: `vit_nano` takes 125000 steps in minutes (the recipe
/// `micro-125k`), a test can hold all tensors of `vit_micro` in full, and `vit_micro_wide` is its teacher in distillation.
const TABLE: [(&str, VitSize); 10] = [
    ("vit_nano", size(32, 1, 1, 4.0)),
    ("vit_micro", size(64, 3, 2, 4.0)),
    ("vit_micro_wide", size(96, 2, 3, 4.0)),
    ("vit_small", size(384, 12, 6, 4.0)),
    ("vit_base", size(768, 12, 12, 4.0)),
    ("vit_large", size(1024, 24, 16, 4.0)),
    ("vit_so400m", size(1152, 27, 18, 3.777777778)),
    ("vit_huge2", size(1280, 32, 20, 4.0)),
    ("vit_giant2", size(1536, 40, 24, 4.0)),
    ("vit_7b", size(4096, 40, 32, 3.0)),
];

impl VitSize {
    /// The names that [`VitSize::named`] knows.
    pub const NAMES: [&'static str; 10] = {
        let mut names = [""; 10];
        let mut i = 0;
        while i < 10 {
            names[i] = TABLE[i].0;
            i += 1;
        }
        names
    };

    /// The architecture that `student.arch` names.
    pub fn named(name: &str) -> Option<Self> {
        TABLE.iter().find(|(known, _)| *known == name).map(|(_, size)| size.clone())
    }
}
