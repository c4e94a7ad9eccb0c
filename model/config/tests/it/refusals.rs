//! Options that cannot be honoured are refused by name.

use dinov3_config::{SslConfig, VitSize};
use serde_json::{Value, json};

use dinov3_config::micro::{merged_config, with_student};

fn refusal(config: &Value) -> String {
    SslConfig::from_merged(config).expect_err("this config cannot be honoured").to_string()
}

/// `merged_config` with some keys replaced.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut config = merged_config();
    for (key, value) in changes {
        *config.pointer_mut(&format!("/{}", key.replace('.', "/"))).expect("the key is a default's") = value.clone();
    }
    config
}

/// Each with the reference's own reason where it is the reference that refuses.
#[test]
fn what_cannot_be_honoured_is_refused() {
    let gram = |changes: &[(&str, Value)]| {
        let on = [
            ("gram.use_loss", json!(true)),
            ("gram.ckpt", json!("gram.pth")),
            ("crops.gram_teacher_crops_size", json!(64)),
        ];
        with(&[&on[..], changes].concat())
    };
    let ema = |changes: &[(&str, Value)]| {
        let on = [
            ("gram.ema_teacher", json!(true)),
            ("gram.rep_update", json!(false)),
            ("gram.it_load_ema_teacher", json!(0)),
            ("gram.ckpt", Value::Null),
            ("crops.gram_teacher_crops_size", Value::Null),
        ];
        gram(&[&on[..], changes].concat())
    };
    assert!(SslConfig::from_merged(&gram(&[])).is_ok() && SslConfig::from_merged(&ema(&[])).is_ok());
    // A Gram teacher that stays as it was read is the same in a distillation.
    let distilled = [("distillation.enabled", json!(true)), ("distillation.checkpoint_path", json!("ignore"))];
    let stays = gram(&[&distilled[..], &[("gram.rep_update", json!(false))]].concat());
    assert!(SslConfig::from_merged(&stays).is_ok());
    let refused = [
        with(&[("student.fp8_enabled", json!(true))]),
        with(&[("crops.local_crops_number", json!(0))]),
        with(&[("ibot.separate_head", json!(false))]),
        with(&[("train.centering", json!("centering"))]),
        with(&[("compute_precision.sharding_strategy", json!("FULL_SHARD"))]),
        with(&[("compute_precision.param_dtype", json!("fp16"))]),
        with(&[("compute_precision.reduce_dtype", json!("bf16"))]),
        with(&[("ibot.mask_sample_probability", json!(1.5))]),
        with(&[("ibot.mask_ratio_min_max", json!([0.5, 0.1]))]),
        with(&[("dino.koleo_distributed_replicas", json!(2))]),
        with(&[("dino.koleo_topk", json!(2))]),
        with(&[("MODEL.META_ARCHITECTURE", json!("SSLMetaArchCompilable"))]),
        with(&[("compute_precision.reduce_dtype", json!("bf32"))]),
        with(&[("student.ffn_layer", json!("swiglufused"))]),
        with(&[("student.norm_layer", json!("layernormfp32"))]),
        with(&[("student.resume_from_teacher_chkpt", json!(112_499))]),
        with(&[("student.resume_from_teacher_chkpt", json!(7e12))]),
        with(&[("distillation.checkpoint_path", json!(112_499))]),
        with(&[("gram.ckpt", json!(7e12))]),
        with(&[("optim.lr", json!("abc"))]),
        with(&[("optim", json!(3))]),
        with(&[("student.fp8_enabled", json!(1)), ("optim.epochs", json!(-1)), ("student.norm_layer", json!("x"))]),
        gram(&[("MODEL.META_ARCHITECTURE", json!("MultiDistillationMetaArch"))]),
        gram(&[("gram.ckpt", Value::Null)]),
        gram(&[("crops.gram_teacher_crops_size", Value::Null)]),
        gram(&[("gram.remove_neg", json!(true)), ("gram.remove_only_teacher_neg", json!(true))]),
        gram(&[("gram.tokens_used", json!("masked")), ("gram.img_level", json!(true))]),
        gram(&[("gram.global_teacher_resize_method", json!("nearest"))]),
        ema(&[("gram.ckpt", json!("gram.pth"))]),
        ema(&[("gram.it_load_ema_teacher", json!(-1))]),
        ema(&[("gram.rep_update", json!(true))]),
        ema(&[("crops.gram_teacher_crops_size", json!(64))]),
        gram(&[&distilled[..], &[("gram.rep_update", json!(true))]].concat()),
    ];
    insta::assert_snapshot!(refused.iter().map(refusal).collect::<Vec<_>>().join("\n"));
}

/// The published ViT-7B config asks for RoPE in fp32; the reference gives it bf16 all the same.
#[test]
fn what_the_reference_never_reads_is_said() {
    let remarks = |config: &Value| {
        let found = SslConfig::from_merged(config).unwrap().without_effect;
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(remarks(&merged_config()), "");
    let mut config = with_student("pos_embed_rope_dtype", json!("fp32"));
    config["student"]["patch_drop"] = json!(0.5);
    config["student"]["ffn_ratio"] = json!(3.0);
    config["optim"]["optimizer"] = json!("sgd");
    config["optim"]["dump_fsdp_weights_path"] = json!("weights");
    config["train"]["saveckp_freq"] = json!(5);
    insta::assert_snapshot!(remarks(&config), @r#"
    `train.saveckp_freq: 5` has no effect: the reference at this commit never reads it and uses that of `checkpointing.period`
    `student.ffn_ratio: 3.0` has no effect: the reference at this commit never reads it and uses that of `student.arch`
    `student.pos_embed_rope_dtype: "fp32"` has no effect: the reference at this commit never reads it and uses "bf16"
    `optim.optimizer: "sgd"` has no effect: the reference at this commit never reads it and uses "adamw"
    `optim.dump_fsdp_weights_path: "weights"` has no effect: the reference at this commit never reads it and uses none
    `student.patch_drop: 0.5` has no effect: the reference at this commit never reads it and uses 0.0
    "#);
}

#[test]
fn rope_takes_a_base_or_a_range_of_periods() {
    insta::assert_snapshot!(refusal(&with_student("pos_embed_rope_base", Value::Null)), @"`student.pos_embed_rope_base` cannot be used: give either this key or both pos_embed_rope_min_period and pos_embed_rope_max_period");
    let mut both = with_student("pos_embed_rope_min_period", json!(0.5));
    both["student"]["pos_embed_rope_max_period"] = json!(50.0);
    assert!(SslConfig::from_merged(&both).is_err());
    both["student"]["pos_embed_rope_base"] = Value::Null;
    assert!(SslConfig::from_merged(&both).is_ok());
}

#[test]
fn an_unknown_architecture_lists_the_known_ones() {
    insta::assert_snapshot!(refusal(&with_student("arch", json!("convnext_base"))), @"`student.arch` is `convnext_base`; known are vit_nano, vit_micro, vit_micro_wide, vit_small, vit_base, vit_large, vit_so400m, vit_huge2, vit_giant2, vit_7b");
}

#[test]
fn a_config_that_is_not_merged_names_the_missing_key() {
    let mut config = merged_config();
    config["student"].as_object_mut().unwrap().remove("mask_k_bias");
    insta::assert_snapshot!(refusal(&config), @"the config is not a merged DINOv3 config: `student.mask_k_bias` is missing");
}

#[test]
fn every_name_is_a_size() {
    for name in VitSize::NAMES {
        let size = VitSize::named(name).unwrap();
        assert_eq!(size.embed_dim % (4 * size.num_heads), 0, "{name}: RoPE needs a head of a multiple of four");
    }
}
