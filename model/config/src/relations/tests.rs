//! Contradictions between numbers are refused by the key to change.

use serde_json::{Value, json};

use crate::micro::merged_config;
use crate::{SslConfig, check_ranks, notes};

fn with(changes: &[(&str, Value)]) -> Value {
    let mut config = merged_config();
    for (key, value) in changes {
        let mut at = &mut config;
        for part in key.split('.') {
            at = &mut at[part];
        }
        *at = value.clone();
    }
    config
}

fn refusal(changes: &[(&str, Value)]) -> String {
    SslConfig::from_merged(&with(changes)).expect_err("this config contradicts itself").to_string()
}

fn accepted(changes: &[(&str, Value)]) {
    SslConfig::from_merged(&with(changes)).unwrap_or_else(|error| panic!("{changes:?}: {error}"));
}

#[test]
fn contradictions_are_refused() {
    let subset = ("crops.localcrops_subset_of_globalcrops", json!(true));
    let decay = |warmup: i64, cosine: i64| json!({"start": 1, "peak": 1, "end": 1, "warmup_epochs": warmup, "cosine_epochs": cosine});
    let v2 = |lr: Value| {
        let mut lr = lr;
        lr["freeze_last_layer_epochs"] = json!(0);
        let whole = json!({"start": 1, "peak": 1, "end": 1, "warmup_epochs": 0});
        ("schedules", json!({"lr": lr, "weight_decay": whole, "momentum": whole, "teacher_temp": whole}))
    };
    let shown = [
        refusal(&[("optim.epochs", json!(1)), ("optim.warmup_epochs", json!(10))]),
        refusal(&[("optim.epochs", json!(1)), ("optim.schedule_trunc_extra", json!(0.25))]),
        refusal(&[("optim.epochs", json!(200_000)), ("train.OFFICIAL_EPOCH_LENGTH", json!(1250))]),
        refusal(&[("optim.schedule_trunc_extra", json!(1e7))]),
        refusal(&[v2(decay(1, 2))]),
        refusal(&[v2(json!({"start": 1, "peak": 1, "end": 1, "warmup_epochs": 1, "cosine_epochs": null}))]),
        refusal(&[("schedules", Value::Null)]),
        refusal(&[("dino.reweight_dino_local_loss", json!(true)), ("dino.local_loss_weight_schedule", Value::Null)]),
        refusal(&[("dino.reweight_dino_local_loss", json!(1)), ("dino.local_loss_weight_schedule", decay(3, 0))]),
        refusal(&[("crops.global_crops_size", json!([256, 128]))]),
        refusal(&[
            ("crops.global_crops_size", json!([256, 128])),
            ("crops.local_crops_size", json!([96, 96])),
            ("crops.gram_teacher_crops_size", json!([null, null])),
            ("crops.global_local_crop_pairs_ratios", json!([0.5, 0.4])),
        ]),
        refusal(&[("student.patch_size", json!(112))]),
        refusal(&[subset.clone(), ("crops.local_crops_number", json!(5))]),
        refusal(&[subset, ("crops.local_crops_size", json!(216))]),
        refusal(&[("crops.global_crops_scale", json!([0.9, 0.1]))]),
        refusal(&[
            ("train.batch_size_per_gpu", json!(6)),
            ("dino.koleo_loss_distributed", json!(true)),
            ("dino.koleo_distributed_loss_group_size", json!(16)),
        ]),
        refusal(&[
            ("dino.koleo_loss_distributed", json!(true)),
            ("dino.koleo_topk", json!(3)),
            ("dino.koleo_distributed_loss_group_size", json!(2)),
        ]),
        refusal(&[("distillation.enabled", json!(1))]),
        refusal(&[("gram.use_loss", json!(1)), ("gram.ckpt", json!(""))]),
    ];
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn what_the_reference_takes_is_accepted() {
    // A warm-up of the whole run, as the published performance file of an Ascend port has it.
    accepted(&[("optim.epochs", json!(1)), ("optim.warmup_epochs", json!(1))]);
    // Without a loss the reference reads nothing of the Gram teacher's updates, and without `rep_update` no update.
    accepted(&[
        ("gram.update_frequency", json!(0)),
        ("gram.it_first_update", json!(-7)),
        ("gram.rep_update", json!(0)),
    ]);
    let gram = [
        ("gram.use_loss", json!(true)),
        ("gram.ckpt", json!("gram.pth")),
        ("crops.gram_teacher_crops_size", json!(256)),
        ("gram.rep_update", json!(false)),
        ("gram.update_frequency", json!(0)),
        ("gram.it_first_update", json!(-1)),
        ("gram.loss_weight_schedule", json!({})),
    ];
    accepted(&gram);
    accepted(&[("dino.local_loss_weight_schedule", Value::Null)]);
    // One resolution may be a list, and its share is never read.
    accepted(&[("crops.global_crops_size", json!([224])), ("crops.global_local_crop_pairs_ratios", json!(7))]);
    accepted(&[("crops.local_crops_number", json!(5))]);
    accepted(&[("crops.localcrops_subset_of_globalcrops", json!(true)), ("crops.local_crops_size", json!(208))]);
    accepted(&[("distillation.enabled", json!("yes")), ("distillation.checkpoint_path", json!("ignore"))]);
}

#[test]
fn groups_of_koleo_divide_the_global_batch() {
    let config =
        with(&[("dino.koleo_loss_distributed", json!(true)), ("dino.koleo_distributed_loss_group_size", json!(8))]);
    assert!(SslConfig::from_merged(&config).is_ok() && check_ranks(&config, 4).is_ok());
    insta::assert_snapshot!(check_ranks(&config, 6).unwrap_err(), @"`dino.koleo_distributed_loss_group_size: 8` cannot be used: the reference requires that it divides the global batch, which is 12 on 6 ranks");
}

#[test]
fn notes_say_what_a_person_should_know() {
    let recipe = |changes: &[(&str, Value)]| {
        let large = [("student.arch", json!("vit_large")), ("train.batch_size_per_gpu", json!(64))];
        with(&[&large[..], changes].concat())
    };
    assert_eq!(notes(&recipe(&[("train.compile", json!(false))]), Some(32)), [""; 0]);
    assert_eq!(notes(&recipe(&[("train.compile", json!(false))]), None), [""; 0]);
    let rule =
        |name: &str| notes(&recipe(&[("train.compile", json!(false)), ("optim.scaling_rule", json!(name))]), None);
    let known = "which knows `linear_wrt_256` and `sqrt_wrt_1024`";
    assert_eq!(rule("foo"), [format!("`optim.scaling_rule: foo` scales nothing, as in the reference, {known}")]);
    assert_eq!(["", "none", "linear_wrt_256"].map(|name| rule(name).len()), [0; 3]);
    let several = recipe(&[
        ("train.cudagraphs", json!(1)),
        ("train.checkpointing", json!(true)),
        ("train.checkpointing_full", json!(true)),
        ("crops.global_crops_size", json!([256, 128])),
        ("train.dataset_path", json!("ImageNet:split=TRAIN")),
    ]);
    insta::assert_snapshot!(notes(&several, Some(8)).join("\n"));
}
