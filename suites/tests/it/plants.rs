//! Each planted defect is caught, and the right tensor of the right block is named.
//!
//! Every case runs the real trainer with one mistake in block 1, judged as on another machine: by the yardstick alone.
//! Without the mistake the same judgement passes, which `nothing_planted_passes` shows.

use dinov3_golden::Precision;
use dinov3_model::fault::{Fault, Plant};

use crate::fixture::{another_machine, judged, libtorch, set};

/// The first divergence that `fault` in block 1 causes, and how many times the reference's own error it is at least.
fn check(fault: Fault, golden: &str, first: &str) {
    let _stream = libtorch();
    let plant = Plant { fault, block: 1 };
    let judgement = judged(&set(golden), Precision::Fp32, Some(plant), another_machine());
    assert!(!judgement.passes(), "{plant} was not caught");
    let found = judgement.first_divergence().expect("a judgement that fails has a first divergence");
    assert_eq!(found.name, first, "{plant}");
    assert!(judgement.entries.iter().any(|entry| entry.passes()), "{plant}: everything before it still agrees");
}

#[test]
fn nothing_planted_passes() {
    let _stream = libtorch();
    for golden in ["micro", "opt_storage"] {
        let judgement = judged(&set(golden), Precision::Fp32, None, another_machine());
        assert!(judgement.passes(), "{golden}: {:?}", judgement.first_divergence());
    }
}

#[test]
fn gelu_tanh() {
    check(Fault::GeluTanh, "micro", "teacher.backbone.blocks.1.mlp.act");
}

#[test]
fn layer_norm_eps() {
    check(Fault::LayerNormEps, "micro", "teacher.backbone.blocks.1.norm1");
}

#[test]
fn rope_on_prefix() {
    check(Fault::RopeOnPrefix, "opt_storage", "teacher.backbone.blocks.1.attn.apply_rope:0");
}

#[test]
fn rope_fp32() {
    check(Fault::RopeFp32, "micro", "teacher.backbone.rope_embed#1:0");
}

#[test]
fn no_k_bias_mask() {
    check(Fault::NoKBiasMask, "opt_storage", "teacher.backbone.blocks.1.attn.qkv");
}

#[test]
fn swapped_qkv() {
    check(Fault::SwappedQkv, "micro", "teacher.backbone.blocks.1.attn.apply_rope:0");
}

#[test]
fn no_layer_scale() {
    check(Fault::NoLayerScale, "micro", "teacher.backbone.blocks.1.ls1");
}

#[test]
fn stochastic_depth_scale() {
    check(Fault::StochasticDepthScale, "micro", "student.backbone.blocks.1.norm2:in");
}
