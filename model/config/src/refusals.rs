//! Options that this trainer cannot honour, although the config is well formed.

use serde_json::{Value, json};

use crate::error::{Errors, unsupported};
use crate::read::{at, holds, truth};
use crate::{ranges, relations};

/// Options with a single accepted value, because the reference asserts it or this trainer supports no other: key,
/// accepted value, reason.
fn required() -> [(&'static str, Value, &'static str); 4] {
    [
        ("ibot.separate_head", json!(true), "the reference asserts that it is true"),
        ("train.centering", json!("sinkhorn_knopp"), "the reference asserts Sinkhorn-Knopp"),
        ("compute_precision.sharding_strategy", json!("SHARD_GRAD_OP"), "the reference asserts SHARD_GRAD_OP"),
        ("dino.koleo_distributed_replicas", json!(0), "the reference no longer supports it"),
    ]
}

/// The reason why fp8 is refused.
pub(crate) const FP8: &str =
    "fp8 products need torch._scaled_mm on a Hopper GPU; `false` computes them in `compute_precision.param_dtype`";

/// Adds an error for each option that cannot be honoured and each number out of range.
pub(crate) fn refuse(config: &Value, errors: &mut Errors) {
    for (key, only, reason) in required() {
        if at(config, key).is_some_and(|given| !same(given, &only)) {
            errors.add(unsupported(key, reason));
        }
    }
    if holds(config, "student.fp8_enabled") {
        errors.add(unsupported("student.fp8_enabled", FP8));
    }
    // OmegaConf counts a null as there, and the reference then reads its keys.
    if config.get("schedules").is_some_and(Value::is_null) {
        errors
            .add(unsupported("schedules", "null counts as given, and the reference then reads its keys: leave it out"));
    }
    if holds(config, "dino.reweight_dino_local_loss")
        && !at(config, "dino.local_loss_weight_schedule").is_some_and(Value::is_object)
    {
        let reason = "`dino.reweight_dino_local_loss` reads its keys";
        errors.add(unsupported("dino.local_loss_weight_schedule", reason));
    }
    frozen_teacher(config, errors);
    ranges::check(config, errors);
    errors.take(relations::mask_shares(config));
    relations::check(config, errors);
}

/// Only `ignore` draws a frozen teacher at random. Every other path is loaded, an empty one too.
fn frozen_teacher(config: &Value, errors: &mut Errors) {
    if !holds(config, "distillation.enabled") {
        return;
    }
    if at(config, "distillation.checkpoint_path").is_none_or(|path| !truth(path)) {
        let reason = "the reference loads the teacher from it; `ignore` draws one at random, for tests";
        errors.add(unsupported("distillation.checkpoint_path", reason));
    }
    if ["gram.use_loss", "gram.rep_update"].iter().all(|key| holds(config, key)) && !holds(config, "gram.ema_teacher") {
        let reason = "in a distillation the reference copies the frozen teacher, not the average, into the Gram teacher, \
                      whose network may be another one; without `distillation.enabled` it is the average";
        errors.add(unsupported("gram.rep_update", reason));
    }
}

/// Whether two values are equal; 0 and 0.0 are.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().is_some_and(|a| Some(a) == b.as_f64())
}
