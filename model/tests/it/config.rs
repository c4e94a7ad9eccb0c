//! Options that cannot be honoured are refused by name.

use dinov3_model::config::{SslConfig, VitSize};
use serde_json::{Value, json};

use crate::fixture::{merged_config, with_student};

fn refusal(config: &Value) -> String {
    SslConfig::from_merged(config).expect_err("this config cannot be honoured").to_string()
}

#[test]
fn what_cannot_be_honoured_is_refused() {
    let mut config = merged_config();
    config["gram"] = json!({"use_loss": true});
    insta::assert_snapshot!(refusal(&config), @"`gram.use_loss` cannot be used: the Gram teacher is not part of this trainer yet");
    insta::assert_snapshot!(refusal(&with_student("fp8_enabled", json!(true))), @"`student.fp8_enabled` cannot be used: fp8 products need torch._scaled_mm on a Hopper GPU");
    let mut config = merged_config();
    config["crops"]["local_crops_number"] = json!(0);
    insta::assert_snapshot!(refusal(&config), @"`crops.local_crops_number` cannot be used: the reference asserts that it is above zero");
}

/// The published ViT-7B config asks for RoPE in fp32; the reference gives it bf16 all the same.
#[test]
fn what_the_reference_never_reads_is_said() {
    let remarks = |config: &Value| SslConfig::from_merged(config).unwrap().without_effect.join("\n");
    assert_eq!(remarks(&merged_config()), "");
    let mut config = with_student("pos_embed_rope_dtype", json!("fp32"));
    config["student"]["patch_drop"] = json!(0.5);
    config["student"]["ffn_ratio"] = json!(3.0);
    insta::assert_snapshot!(remarks(&config), @r#"
    `student.pos_embed_rope_dtype: "fp32"` has no effect: the reference at this commit never reads it and uses "bf16"
    `student.patch_drop: 0.5` has no effect: the reference at this commit never reads it and uses 0.0
    `student.ffn_ratio: 3.0` has no effect: the reference at this commit never reads it and uses that of `student.arch`
    "#);
}

#[test]
fn rope_takes_a_base_or_a_range_of_periods() {
    insta::assert_snapshot!(refusal(&with_student("pos_embed_rope_base", Value::Null)), @"`student.pos_embed_rope_base` cannot be used: give either it or both of pos_embed_rope_min_period and pos_embed_rope_max_period");
    let mut both = with_student("pos_embed_rope_min_period", json!(0.5));
    both["student"]["pos_embed_rope_max_period"] = json!(50.0);
    assert!(SslConfig::from_merged(&both).is_err());
    both["student"]["pos_embed_rope_base"] = Value::Null;
    assert!(SslConfig::from_merged(&both).is_ok());
}

#[test]
fn an_unknown_architecture_lists_the_known_ones() {
    insta::assert_snapshot!(refusal(&with_student("arch", json!("convnext_base"))), @"`student.arch` is `convnext_base`; known are vit_micro, vit_small, vit_base, vit_large, vit_so400m, vit_huge2, vit_giant2, vit_7b");
}

#[test]
fn a_config_that_is_not_merged_names_the_missing_key() {
    let mut config = merged_config();
    config["student"].as_object_mut().unwrap().remove("mask_k_bias");
    insta::assert_snapshot!(refusal(&config), @"the config is not a merged DINOv3 config: missing field `mask_k_bias`");
}

#[test]
fn every_name_is_a_size() {
    for name in VitSize::NAMES {
        let size = VitSize::named(name).unwrap();
        assert_eq!(size.embed_dim % (4 * size.num_heads), 0, "{name}: RoPE needs a head of a multiple of four");
    }
}
