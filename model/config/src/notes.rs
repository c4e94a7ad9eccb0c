//! What a person should know of a config that is accepted.

use serde_json::Value;

use crate::read::{at, holds, truth};
use crate::relations::resolution_count;

/// The global batch of the recipe `vitl_im1k_lin834.yaml` by its own comment: 64 images on each of 32 GPUs.
const RECIPE_BATCH: u64 = 2048;

/// Remarks on a merged config, for a run on `world` ranks if their number is known.
pub fn notes(config: &Value, world: Option<usize>) -> Vec<String> {
    let mut notes = not_here(config);
    if resolution_count(config) > 1 {
        notes.push(format!(
            "`crops.global_crops_size: {}` lists square resolutions, each with loaders of its own; it is no height and width",
            at(config, "crops.global_crops_size").map(Value::to_string).unwrap_or_default()
        ));
    }
    if at(config, "train.dataset_path").is_none_or(|path| !truth(path)) {
        notes
            .push("`train.dataset_path` names no data set: a run needs one, such as `ImageNet:split=TRAIN`".to_owned());
    }
    notes.extend(unknown_rule(config));
    notes.extend(world.and_then(|world| recipe_batch(config, world)));
    notes
}

/// A rule for the learning rate that the reference passes over without a word.
fn unknown_rule(config: &Value) -> Option<String> {
    let rule = at(config, "optim.scaling_rule").and_then(Value::as_str)?;
    let known = ["linear_wrt_256", "sqrt_wrt_1024"];
    let says_none = rule.is_empty() || rule == "none";
    (config.get("schedules").is_none() && !says_none && !known.contains(&rule)).then(|| {
        format!(
            "`optim.scaling_rule: {rule}` scales nothing, as in the reference, which knows `{}`",
            known.join("` and `")
        )
    })
}

/// Options that the reference reads and this trainer does not.
fn not_here(config: &Value) -> Vec<String> {
    const MEMORY: &str = "it saves memory in the reference and changes no number; this trainer keeps all activations";
    let options = [
        (
            "train.compile",
            "this trainer computes eagerly; compiled blocks round bfloat16 less often, so their bits differ",
        ),
        ("train.cudagraphs", "this trainer launches each kernel; the numbers are the same"),
        ("train.checkpointing", MEMORY),
        ("train.checkpointing_full", MEMORY),
    ];
    let given = options.into_iter().filter(|(key, _)| holds(config, key));
    // Each is read only beside another.
    let read = given.filter(|(key, _)| match *key {
        "train.cudagraphs" => holds(config, "train.compile"),
        "train.checkpointing_full" => holds(config, "train.checkpointing"),
        _ => true,
    });
    read.map(|(key, why)| {
        let given = at(config, key).map(Value::to_string).unwrap_or_default();
        format!("`{key}: {given}` has no effect here: {why}")
    })
    .collect()
}

/// The recipe on another number of ranks than its authors'.
fn recipe_batch(config: &Value, world: usize) -> Option<String> {
    let whole = |key| at(config, key).and_then(Value::as_u64);
    let text = |key| at(config, key).and_then(Value::as_str);
    let batch = whole("train.batch_size_per_gpu")?;
    let global = batch.saturating_mul(world as u64);
    let is_recipe = text("student.arch") == Some("vit_large")
        && text("train.dataset_path").is_some_and(|path| path.starts_with("ImageNet:"))
        && !holds(config, "multidistillation.enabled");
    (is_recipe && global != RECIPE_BATCH).then(|| {
        format!(
            "`train.batch_size_per_gpu: {batch}` on {world} ranks is a global batch of {global}; the recipe \
             vitl_im1k_lin834.yaml trains on {RECIPE_BATCH} by its own comment (64 on 32 ranks), and the published \
             Ascend run on 512 (64 on 8): losses of different global batches are not comparable"
        )
    })
}
