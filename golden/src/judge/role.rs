//! Which entries are the same place in different blocks, and where that matters.

use crate::names::Stage;

/// Whether an fp32 run's error at an entry is rare and large rather than steady and small, so that few runs of one block do not show
/// how large: activations after the rotation within their block, and everything that the backward pass makes of them.
pub(super) fn is_rare(stage: Stage, name: &str) -> bool {
    match stage {
        Stage::Forward => follows_rotation(name),
        Stage::Backward | Stage::Optimizer => name.contains(".blocks."),
        _ => false,
    }
}

/// Whether a value comes, within its block, after the rotation of q and k in bfloat16.
fn follows_rotation(name: &str) -> bool {
    ["apply_rope", "proj", "ls1"].iter().any(|part| {
        let place = name.split(['.', '#', ':']).any(|it| it == *part);
        place && name.contains(".blocks.")
    })
}

/// The place within a block or head that an entry's value comes from: its name without the network, the number of the
/// block, and the number of the call. `student.backbone.blocks.3.attn.proj#1:in` is `backbone.blocks.*.attn.proj:in`. What kind of
/// value it is stays: `grad:student.backbone.blocks.3.norm1.bias` is `grad:backbone.blocks.*.norm1.bias`.
pub(super) fn role(name: &str) -> String {
    if let Some((kind, place)) = name.split_once(':')
        && !kind.contains('.')
    {
        return format!("{kind}:{}", role(place));
    }
    let (path, port) = match name.rsplit_once(':') {
        Some((path, port)) => (path, port),
        None => (name, ""),
    };
    let path = path.split_once('#').map_or(path, |(path, _)| path);
    let path = path.split_once('.').map_or(path, |(_, inside)| inside);
    let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    let starred = |(before, part)| if before == "blocks" && is_number(&part) { "*" } else { part };
    let parts: Vec<&str> = path.split('.').collect();
    let before = std::iter::once("").chain(parts.iter().copied());
    let path = before.zip(parts.iter().copied()).map(starred).collect::<Vec<_>>().join(".");
    if port.is_empty() { path } else { format!("{path}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_attention_branch_follows_the_rotation() {
        for name in [
            "student.backbone.blocks.3.attn.proj#1:in",
            "teacher.backbone.blocks.0.ls1",
            "a.blocks.1.attn.apply_rope:0",
        ] {
            assert!(follows_rotation(name), "{name}");
        }
        for name in
            ["teacher.backbone.patch_embed.proj", "a.blocks.1.attn.qkv", "a.blocks.1.mlp.fc1", "a.blocks.1.norm1:in"]
        {
            assert!(!follows_rotation(name), "{name}");
        }
    }

    #[test]
    fn gradients_and_moments_of_blocks_follow_it_too() {
        for (stage, name, rare) in [
            (Stage::Backward, "grad:student.backbone.blocks.0.norm1.bias", true),
            (Stage::Optimizer, "exp_avg_sq:student.backbone.blocks.2.mlp.fc1.weight", true),
            (Stage::Backward, "grad:student.dino_head.mlp.0.weight", false),
            (Stage::Ema, "param:teacher.backbone.blocks.0.norm1.bias", false),
            (Stage::Forward, "student.backbone.blocks.0.norm1", false),
        ] {
            assert_eq!(is_rare(stage, name), rare, "{name}");
        }
    }

    #[test]
    fn the_block_is_left_out_and_the_place_is_kept() {
        let roles = [
            ("student.backbone.blocks.3.attn.proj#1:in", "backbone.blocks.*.attn.proj:in"),
            ("teacher.backbone.blocks.12.attn.proj:in", "backbone.blocks.*.attn.proj:in"),
            ("teacher.backbone.blocks.12.attn.proj", "backbone.blocks.*.attn.proj"),
            ("student.backbone.blocks.0:1", "backbone.blocks.*:1"),
            ("student.dino_head.mlp.2", "dino_head.mlp.2"),
            ("student.backbone:0.x_prenorm", "backbone:0.x_prenorm"),
            ("grad:student.backbone.blocks.3.norm1.bias", "grad:backbone.blocks.*.norm1.bias"),
            ("exp_avg_sq:student.dino_head.mlp.0.weight", "exp_avg_sq:dino_head.mlp.0.weight"),
        ];
        for (name, expected) in roles {
            assert_eq!(role(name), expected, "{name}");
        }
    }
}
