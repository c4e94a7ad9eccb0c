//! The multipliers of the learning rate and the weight decay of each parameter (`dinov3/train/param_groups.py`).

use dinov3_config::Optim;

/// The multipliers of one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Multipliers {
    /// The factor of the learning rate.
    pub lr: f64,
    /// The factor of the weight decay.
    pub weight_decay: f64,
    /// Whether the parameter has the learning rate of the last layers.
    pub is_last_layer: bool,
}

/// The function that gives one parameter its multipliers: see [`multipliers`].
pub type Rule = fn(&str, usize, &Optim) -> Multipliers;

/// `get_params_groups_with_decay_fsdp` for one parameter of a submodule of the student; `name` is its name **within** the
/// submodule, which has `blocks` blocks (a head: none).
///
/// The reference also looks for `dino_head` in that name, to apply `optim.dino_head_wd_multiplier`. No name within a head contains it, so the
/// option has no effect in the reference or here.
pub fn multipliers(name: &str, blocks: usize, optim: &Optim) -> Multipliers {
    let mut lr = optim.layerwise_decay.powf((blocks + 1 - layer_id(name, blocks)) as f64);
    let undecayed = name.ends_with("bias") || ["norm", "gamma", "fourier_w"].iter().any(|part| name.contains(part));
    if name.contains("patch_embed") {
        lr *= optim.patch_embed_lr_mult;
    }
    let head = if name.contains("dino_head") { optim.dino_head_wd_multiplier } else { 1.0 };
    Multipliers { lr, weight_decay: if undecayed { 0.0 } else { head }, is_last_layer: name.contains("last_layer") }
}

/// `get_vit_lr_decay_rate`: 0 before the blocks, i + 1 for block i, the number of blocks plus one after them.
fn layer_id(name: &str, blocks: usize) -> usize {
    const FIRST: [&str; 5] = ["pos_embed", "patch_embed", "mask_token", "cls_token", "storage_tokens"];
    if blocks == 0 {
        return 1;
    }
    if FIRST.iter().any(|part| name.contains(part)) {
        return 0;
    }
    let block = name.split_once("blocks.").filter(|_| !name.contains("residual."));
    let index = block.and_then(|(_, rest)| rest.split('.').next()?.parse::<usize>().ok());
    index.map_or(blocks + 1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dinov3_config::Scaling;

    const OPTIM: Optim = Optim {
        betas: (0.9, 0.999),
        layerwise_decay: 0.5,
        patch_embed_lr_mult: 0.2,
        dino_head_wd_multiplier: 3.0,
        multi_tensor: true,
        clip_grad: None,
        scaling: Scaling::None,
    };

    #[test]
    fn layers_decay_towards_the_input() {
        let lr = |name| multipliers(name, 3, &OPTIM).lr;
        assert_eq!(lr("norm.weight"), 1.0);
        assert_eq!(lr("blocks.2.attn.qkv.weight"), 0.5);
        assert_eq!(lr("blocks.0.attn.qkv.weight"), 0.125);
        assert_eq!(lr("cls_token"), 0.0625);
        assert_eq!(lr("patch_embed.proj.weight"), 0.0125);
        assert_eq!(multipliers("mlp.0.weight", 0, &OPTIM).lr, 1.0, "a head has no layers");
    }

    #[test]
    fn biases_norms_and_gammas_do_not_decay() {
        let decay = |name| multipliers(name, 3, &OPTIM).weight_decay;
        for name in ["blocks.0.norm1.weight", "blocks.0.ls1.gamma", "blocks.0.attn.qkv.bias", "patch_embed.proj.bias"] {
            assert_eq!(decay(name), 0.0, "{name}");
        }
        for name in ["blocks.0.attn.qkv.weight", "cls_token", "mask_token", "last_layer.weight", "mlp.0.weight"] {
            assert_eq!(decay(name), 1.0, "{name}");
        }
    }

    #[test]
    fn only_the_prototypes_are_a_last_layer() {
        assert!(multipliers("last_layer.weight", 0, &OPTIM).is_last_layer);
        assert!(!multipliers("mlp.4.weight", 0, &OPTIM).is_last_layer);
    }
}
