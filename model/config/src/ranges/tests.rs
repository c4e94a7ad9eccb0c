//! Each odd number is refused by its key, and the values at both ends are taken.

use serde_json::{Value, json};

use crate::defaults::defaults;
use crate::micro::merged_config;
use crate::{ConfigError, SslConfig, reads};

use super::*;

/// A config in which every number of the table is read, of the first or the second version.
fn all_read(schedules: bool) -> Value {
    let mut config = merged_config();
    let decay = json!({"start": 0.5, "peak": 0.5, "end": 0.5, "warmup_epochs": 1, "cosine_epochs": 1});
    config["dino"]["reweight_dino_local_loss"] = json!(true);
    config["dino"]["local_loss_weight_schedule"] = decay.clone();
    config["dino"]["koleo_loss_distributed"] = json!(true);
    config["dino"]["koleo_distributed_loss_group_size"] = json!(2);
    config["gram"]["use_loss"] = json!(true);
    config["gram"]["ckpt"] = json!("gram.pth");
    config["gram"]["loss_weight_schedule"] = decay.clone();
    config["crops"]["gram_teacher_crops_size"] = json!(256);
    config["student"]["pos_embed_rope_shift_coords"] = json!(0.5);
    config["student"]["pos_embed_rope_jitter_coords"] = json!(2);
    config["student"]["pos_embed_rope_rescale_coords"] = json!(2);
    config["multidistillation"] = json!({"enabled": true, "global_batch_size": 2});
    if schedules {
        let mut lr = decay.clone();
        lr["freeze_last_layer_epochs"] = json!(1);
        config["schedules"] = json!({"lr": lr, "weight_decay": decay, "momentum": decay, "teacher_temp": decay});
    }
    config
}

fn set(config: &mut Value, key: &str, value: Value) {
    let mut at = config;
    for part in key.split('.') {
        at = &mut at[part];
    }
    *at = value;
}

fn refusal(schedules: bool, key: &str, value: Value) -> Option<ConfigError> {
    let mut config = all_read(schedules);
    set(&mut config, key, value);
    SslConfig::from_merged(&config).err()
}

fn names(error: &ConfigError, key: &str) -> bool {
    match error {
        ConfigError::Several(errors) => errors.iter().any(|error| names(error, key)),
        error => error.key() == key,
    }
}

/// Recipes with one of these numbers ended a run by a panic, an abort, or memory without end, or passed in silence.
#[test]
fn odd_numbers_are_refused_by_their_key() {
    let huge = json!(2_147_483_647);
    let most = json!(9_223_372_036_854_775_807_i64);
    let cases = [
        ("student.patch_size", json!(0)),
        ("student.patch_size", json!(-16)),
        ("dino.head_hidden_dim", json!(-1)),
        ("dino.head_n_prototypes", json!(-5)),
        ("ibot.head_bottleneck_dim", json!(-1)),
        ("student.n_storage_tokens", json!(-1)),
        ("student.drop_path_rate", json!(2)),
        ("student.pos_embed_rope_jitter_coords", json!(0)),
        ("student.pos_embed_rope_jitter_coords", json!(-1)),
        ("student.pos_embed_rope_rescale_coords", json!(0.5)),
        ("student.pos_embed_rope_shift_coords", json!(-0.1)),
        ("student.pos_embed_rope_shift_coords", json!(1e39)),
        ("student.pos_embed_rope_base", json!(0)),
        ("optim.warmup_epochs", huge.clone()),
        ("optim.epochs", huge.clone()),
        ("optim.epochs", json!(-3)),
        ("optim.epochs", most.clone()),
        ("train.OFFICIAL_EPOCH_LENGTH", most.clone()),
        ("train.OFFICIAL_EPOCH_LENGTH", json!(0)),
        ("teacher.warmup_teacher_temp_epochs", huge.clone()),
        ("optim.schedule_trunc_extra", huge),
        ("optim.schedule_trunc_extra", json!(-0.5)),
        ("optim.freeze_last_layer_epochs", json!(-1)),
        ("ibot.head_nlayers", most.clone()),
        ("train.batch_size_per_gpu", json!(0)),
        ("train.batch_size_per_gpu", json!(-3)),
        ("train.batch_size_per_gpu", json!(1_000_000_000_000_u64)),
        ("train.batch_size_per_gpu", json!(1_u64 << 62)),
        ("train.seed", json!(-1)),
        ("train.seed", most),
        ("crops.local_crops_number", json!(0)),
        ("crops.local_crops_number", json!(10_000_000)),
        ("crops.local_crops_size", json!(1)),
        ("crops.local_crops_size", json!(28_000)),
        ("crops.gram_teacher_crops_size", json!(65_536)),
        ("crops.gram_teacher_crops_size", json!(6)),
        ("crops.global_crops_size", json!([256, 4])),
        ("crops.rgb_std", json!([0.2, 0.0, 0.2])),
        ("gram.update_frequency", json!(0)),
        ("checkpointing.period", json!(0)),
        ("optim.adamw_beta2", json!(1.0)),
    ];
    let shown = cases.map(|(key, value)| {
        let error = refusal(false, key, value.clone());
        let error = error.unwrap_or_else(|| panic!("{key}={value} is accepted"));
        assert!(names(&error, key), "{key}={value}: {error}");
        error.to_string()
    });
    insta::assert_snapshot!(shown.join("\n"));
}

/// Both ends of a range are taken by the check itself, and the next numbers are not.
#[test]
fn every_range_has_its_ends() {
    for range in table::RANGES {
        let config = all_read(range.read == Read::V2);
        assert!(range.read.holds(&config), "{} is not read in the test's config", range.key);
        let given = at(&config, range.key).unwrap_or_else(|| panic!("{} is no key", range.key)).clone();
        let refused = |number: f64| {
            let mut config = config.clone();
            let value = if given.is_array() { json!([number]) } else { json!(number) };
            set(&mut config, range.key, value);
            let mut errors = Errors::default();
            check(&config, &mut errors);
            errors.check().is_err_and(|error| names(&error, range.key))
        };
        for end in [range.least, range.most].into_iter().filter(|end| end.is_finite()) {
            assert_eq!(refused(end), range.above && end == range.least, "{} at {end}", range.key);
        }
        let beyond = |end: f64, sign: f64| end + sign * (end.abs() * 1e-15).max(1e-15);
        for (end, sign) in [(range.least, -1.0), (range.most, 1.0)] {
            assert!(!end.is_finite() || refused(beyond(end, sign)), "{} beyond {end}", range.key);
        }
    }
}

/// Every number of the defaults that the reference reads has a range, or a reason to have none.
#[test]
fn every_numeric_key_has_a_range() {
    /// Checked elsewhere, or of any value: a share that only several resolutions read (`relations`), an iteration or a
    /// count of which negative numbers mean never or none, and numbers that only the checkpoints of a run count with.
    const FREE: [&str; 7] = [
        "crops.global_local_crop_pairs_ratios",
        "gram.it_load_ema_teacher",
        "gram.it_first_update",
        "gram.max_updates",
        "dino.koleo_distributed_replicas",
        "evaluation.eval_period_iterations",
        "checkpointing.max_to_keep",
    ];
    fn walk(value: &Value, key: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(name, value)| {
                walk(value, &if key.is_empty() { name.clone() } else { format!("{key}.{name}") }, found);
            }),
            Value::Number(_) => found.push(key.to_owned()),
            Value::Array(items) if items.iter().any(Value::is_number) => found.push(key.to_owned()),
            _ => {}
        }
    }
    let mut numbers = Vec::new();
    walk(&defaults(), "", &mut numbers);
    numbers.retain(|key| reads().read.contains(key));
    let without: Vec<_> = numbers.iter().filter(|key| !has(key) && !FREE.contains(&key.as_str())).collect();
    assert!(without.is_empty(), "{without:?}");
    assert!(numbers.len() > 50, "{}", numbers.len());
}
