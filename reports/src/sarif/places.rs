//! The reference's file for a tensor, by the part of its name that says which module computes it.

/// The file of a finding whose tensor nothing is known of.
pub(super) const UNKNOWN: &str = "dinov3/train/ssl_meta_arch.py";

/// A part of a name, and the file of the reference at the pinned commit. The first that fits counts.
const FILES: [(&str, &str); 16] = [
    ("rope", "dinov3/layers/rope_position_encoding.py"),
    (".attn", "dinov3/layers/attention.py"),
    (".mlp", "dinov3/layers/ffn_layers.py"),
    (".ls1", "dinov3/layers/layer_scale.py"),
    (".ls2", "dinov3/layers/layer_scale.py"),
    ("patch_embed", "dinov3/layers/patch_embed.py"),
    ("dino_head", "dinov3/layers/dino_head.py"),
    ("ibot_head", "dinov3/layers/dino_head.py"),
    ("koleo", "dinov3/loss/koleo_loss.py"),
    ("gram", "dinov3/loss/gram_loss.py"),
    ("ibot", "dinov3/loss/ibot_patch_loss.py"),
    ("dino", "dinov3/loss/dino_clstoken_loss.py"),
    ("schedule", "dinov3/train/cosine_lr_scheduler.py"),
    (".blocks.", "dinov3/layers/block.py"),
    ("backbone", "dinov3/models/vision_transformer.py"),
    ("crop", "dinov3/data/augmentations.py"),
];

/// The file that computes a tensor of this name.
pub(super) fn file(tensor: &str) -> Option<&'static str> {
    FILES.iter().find(|(part, _)| tensor.contains(part)).map(|(_, file)| *file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tensors() {
        let cases = [
            ("student.backbone.blocks.3.attn.qkv", "dinov3/layers/attention.py"),
            ("student.backbone.blocks.3.attn.apply_rope:0", "dinov3/layers/rope_position_encoding.py"),
            ("grad:student.backbone.blocks.0.mlp.fc1.weight", "dinov3/layers/ffn_layers.py"),
            ("student.backbone.blocks.3.norm1", "dinov3/layers/block.py"),
            ("loss:koleo", "dinov3/loss/koleo_loss.py"),
            ("sinkhorn:dino", "dinov3/loss/dino_clstoken_loss.py"),
        ];
        for (tensor, expected) in cases {
            assert_eq!(file(tensor), Some(expected), "{tensor}");
        }
        assert_eq!(file("nothing"), None);
    }
}
