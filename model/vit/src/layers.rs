//! The layers, file by file as in the reference's `dinov3/layers`.

pub mod attention;
pub mod block;
pub mod dino_head;
pub mod ffn;
pub mod layer_scale;
pub mod linear;
pub mod norm;
pub mod patch_embed;
pub mod rope;
