//! Options that this trainer cannot honour, and options that nothing reads.

use std::fmt;

use serde_json::{Value, json};

use super::{ConfigError, unsupported};

/// Options with a single accepted value, because the reference asserts it or this trainer supports no other: key,
/// accepted value, reason.
fn required() -> [(&'static str, Value, &'static str); 5] {
    [
        ("ibot.separate_head", json!(true), "the reference asserts that it is true"),
        ("train.centering", json!("sinkhorn_knopp"), "the reference asserts Sinkhorn-Knopp"),
        ("compute_precision.sharding_strategy", json!("SHARD_GRAD_OP"), "the reference asserts SHARD_GRAD_OP"),
        ("dino.koleo_distributed_replicas", json!(0), "the reference no longer supports it"),
        (
            "student.fp8_enabled",
            json!(false),
            "fp8 products need torch._scaled_mm on a Hopper GPU; with `false` the run is the same in bf16",
        ),
    ]
}

/// Options that nothing in the reference at this commit reads: key, and the value that is always in effect.
fn never_read() -> [(&'static str, Value); 13] {
    [
        ("student.in_chans", json!(3)),
        ("teacher.in_chans", json!(3)),
        ("student.pos_embed_type", json!("rope")),
        ("student.pos_embed_rope_dtype", json!("bf16")),
        ("student.patch_drop", json!(0.0)),
        ("student.ffn_ratio", json!(4.0)),
        ("dino.head_norm_last_layer", json!(false)),
        ("ibot.head_norm_last_layer", json!(false)),
        ("dino.force_weight_norm", json!(false)),
        ("optim.dino_head_wd_multiplier", json!(1.0)),
        ("train.use_teacher_head", json!(true)),
        ("student.pretrained_weights", json!("")),
        ("hrft.enabled", json!(false)),
    ]
}

/// Refuses a config with an option that cannot be honoured.
pub(super) fn refuse(config: &Value) -> Result<(), ConfigError> {
    for (key, only, reason) in required() {
        if at(config, key).is_some_and(|given| !same(given, &only)) {
            return Err(unsupported(key, reason));
        }
    }
    ibot_masking(config)?;
    match at(config, "crops.local_crops_number").and_then(Value::as_i64) {
        Some(number) if number < 1 => {
            Err(unsupported("crops.local_crops_number", "the reference asserts that it is above zero"))
        }
        _ => Ok(()),
    }
}

/// Refuses distillation from no file. The reference takes an empty path for the current folder, reads it as a distributed
/// checkpoint, and crashes; only `ignore` has it draw the teacher.
pub(super) fn unnamed_teacher(config: &Value) -> Result<(), ConfigError> {
    let enabled = at(config, "distillation.enabled").is_some_and(|it| *it == true);
    let named = at(config, "distillation.checkpoint_path").and_then(Value::as_str).is_some_and(|path| !path.is_empty());
    if enabled && !named {
        let reason = "it is empty; name the frozen teacher's checkpoint, or give `ignore` to draw its weights";
        return Err(unsupported("distillation.checkpoint_path", reason));
    }
    Ok(())
}

/// Checks the reference's assertions about the shares of masked patches.
fn ibot_masking(config: &Value) -> Result<(), ConfigError> {
    let number = |key| at(config, key).and_then(Value::as_f64);
    if number("ibot.mask_sample_probability").is_some_and(|p| !(0.0..=1.0).contains(&p)) {
        return Err(unsupported("ibot.mask_sample_probability", "the reference asserts that it lies between 0 and 1"));
    }
    let share = |i: usize| at(config, "ibot.mask_ratio_min_max").and_then(|range| range.get(i)?.as_f64());
    match (share(0), share(1)) {
        (Some(low), Some(high)) if !(0.0 <= low && low < high && high <= 1.0) => {
            Err(unsupported("ibot.mask_ratio_min_max", "the reference asserts 0 <= min < max <= 1"))
        }
        _ => Ok(()),
    }
}

/// A setting of a config that has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithoutEffect {
    /// The option.
    pub key: &'static str,
    /// The given value, as JSON.
    pub given: String,
    /// The reason.
    pub why: NoEffect,
}

/// The reason why an option has no effect in the reference at this commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoEffect {
    /// Nothing reads it.
    NeverRead {
        /// The value in effect, as JSON.
        used: String,
    },
    /// Nothing reads it, and another option decides.
    DecidedBy {
        /// The deciding option.
        option: &'static str,
    },
    /// The option applies to parameters whose name within their head contains a word, and there are none.
    NoSuchParameter {
        /// The word.
        part: &'static str,
    },
}

impl fmt::Display for WithoutEffect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, given, why } = self;
        write!(formatter, "`{key}: {given}` has no effect: the reference ")?;
        match why {
            NoEffect::NeverRead { used } => write!(formatter, "at this commit never reads it and uses {used}"),
            NoEffect::DecidedBy { option } => {
                write!(formatter, "at this commit never reads it and uses that of `{option}`")
            }
            NoEffect::NoSuchParameter { part } => {
                write!(formatter, "applies it to parameters whose name within their head holds `{part}`, and none does")
            }
        }
    }
}

/// The settings of a config that have no effect.
pub(super) fn without_effect(config: &Value) -> Vec<WithoutEffect> {
    let unread = never_read().into_iter().filter_map(|(key, always)| {
        let given = at(config, key).filter(|given| !same(given, &always))?;
        let why = match key {
            "student.ffn_ratio" => NoEffect::DecidedBy { option: "student.arch" },
            "optim.dino_head_wd_multiplier" => NoEffect::NoSuchParameter { part: "dino_head" },
            _ => NoEffect::NeverRead { used: always.to_string() },
        };
        Some(WithoutEffect { key, given: given.to_string(), why })
    });
    unread.collect()
}

/// The value at a dotted key.
fn at<'a>(config: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(config, |value, part| value.get(part))
}

/// Whether two values are equal; 0 and 0.0 are.
fn same(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().is_some_and(|a| Some(a) == b.as_f64())
}
