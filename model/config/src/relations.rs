//! What holds between numbers of a config: lists of one length, crops that hold a patch, curves that fit the run.

use serde_json::Value;

use crate::error::{ConfigError, Errors, unsupported};
use crate::ranges::{MOST_ITERATIONS, has_schedules};
use crate::read::{at, holds};

/// The grid on which the reference places local crops within global crops, in pixels. `build_data_augmentation_dino`
/// does not pass `student.patch_size` on, so it is always the default of `DataAugmentationDINO`.
pub const SUBSET_GRID: usize = 16;

/// Checks everything that can be checked without the number of ranks.
pub(crate) fn check(config: &Value, errors: &mut Errors) {
    errors.take(resolutions(config));
    errors.take(patches(config));
    errors.take(subset(config));
    errors.take(scales(config));
    errors.take(koleo_group(config));
    schedules(config, errors);
}

/// Checks what depends on the number of ranks.
///
/// # Errors
/// If the groups of the distributed KoLeo loss do not divide the global batch, as the reference requires.
pub fn check_ranks(config: &Value, world: usize) -> Result<(), ConfigError> {
    let (Some(group), Some(batch)) = (koleo_group_size(config), whole(config, "train.batch_size_per_gpu")) else {
        return Ok(());
    };
    let global = batch.saturating_mul(world as u64);
    if group == 0 || global % group != 0 {
        return Err(value(
            config,
            "dino.koleo_distributed_loss_group_size",
            format!("the reference requires that it divides the global batch, which is {global} on {world} ranks"),
        ));
    }
    Ok(())
}

fn value(config: &Value, key: &str, reason: impl Into<String>) -> ConfigError {
    let given = at(config, key).map(Value::to_string).unwrap_or_default();
    ConfigError::Value { key: key.to_owned(), given, reason: reason.into() }
}

fn whole(config: &Value, key: &str) -> Option<u64> {
    at(config, key)?.as_u64()
}

/// A value, or each of a list.
fn each(config: &Value, key: &str) -> Vec<Value> {
    match at(config, key) {
        Some(Value::Array(items)) => items.clone(),
        Some(value) => vec![value.clone()],
        None => Vec::new(),
    }
}

/// The keys that have a value for each resolution.
const BY_RESOLUTION: [&str; 4] = [
    "crops.global_crops_size",
    "crops.local_crops_size",
    "crops.gram_teacher_crops_size",
    "crops.global_local_crop_pairs_ratios",
];

/// The number of resolutions.
pub(crate) fn resolution_count(config: &Value) -> usize {
    each(config, BY_RESOLUTION[0]).len()
}

fn resolutions(config: &Value) -> Result<(), ConfigError> {
    let lengths = BY_RESOLUTION.map(|key| each(config, key).len());
    let [globals, ..] = lengths;
    if globals == 0 {
        return Err(value(config, BY_RESOLUTION[0], "expected one size, or a list of them"));
    }
    if lengths.iter().any(|length| *length != globals) {
        let [_, locals, grams, ratios] = lengths;
        return Err(value(
            config,
            BY_RESOLUTION[0],
            format!(
                "the reference asserts four lists of one length, one square resolution each: this list has {globals}, \
                 crops.local_crops_size {locals}, crops.gram_teacher_crops_size {grams} and \
                 crops.global_local_crop_pairs_ratios {ratios}"
            ),
        ));
    }
    if globals < 2 {
        // The reference reads the share of an only resolution never.
        return Ok(());
    }
    let ratios: Vec<f64> = each(config, BY_RESOLUTION[3]).iter().filter_map(Value::as_f64).collect();
    let sum: f64 = ratios.iter().sum();
    // NumPy's own limit.
    if ratios.iter().any(|ratio| !(0.0..=1.0).contains(ratio)) || (sum - 1.0).abs() > f64::EPSILON.sqrt() {
        let reason = format!("NumPy takes probabilities from 0 to 1 that sum to 1; these sum to {sum}");
        return Err(value(config, BY_RESOLUTION[3], reason));
    }
    Ok(())
}

fn patches(config: &Value) -> Result<(), ConfigError> {
    let Some(patch) = whole(config, "student.patch_size") else { return Ok(()) };
    for key in &BY_RESOLUTION[..3] {
        if let Some(size) = each(config, key).iter().filter_map(Value::as_u64).find(|size| *size < patch) {
            let reason = format!("{size} pixels hold no patch of {patch} (`student.patch_size`)");
            return Err(value(config, key, reason));
        }
    }
    Ok(())
}

fn subset(config: &Value) -> Result<(), ConfigError> {
    const KEY: &str = "crops.localcrops_subset_of_globalcrops";
    if !holds(config, KEY) {
        return Ok(());
    }
    if let Some(number) = whole(config, "crops.local_crops_number").filter(|number| number % 2 == 1) {
        let reason = format!(
            "beside {KEY} the reference makes half of them from each global crop, {} in all, and then asserts the number",
            number - 1
        );
        return Err(value(config, "crops.local_crops_number", reason));
    }
    let pairs = each(config, BY_RESOLUTION[0]).into_iter().zip(each(config, BY_RESOLUTION[1]));
    for (global, local) in pairs.filter_map(|(global, local)| global.as_u64().zip(local.as_u64())) {
        if global < local + SUBSET_GRID as u64 {
            let reason = format!(
                "the reference places a local crop of {local} pixels on a grid of {SUBSET_GRID} within {global}, and \
                 there is no place"
            );
            return Err(value(config, KEY, reason));
        }
    }
    Ok(())
}

fn scales(config: &Value) -> Result<(), ConfigError> {
    for key in ["crops.global_crops_scale", "crops.local_crops_scale"] {
        let ends: Vec<f64> = each(config, key).iter().filter_map(Value::as_f64).collect();
        if matches!(ends[..], [least, most] if least > most) {
            return Err(value(config, key, "torch draws from the first to the second, which must not be smaller"));
        }
    }
    Ok(())
}

/// `dino.koleo_distributed_loss_group_size`, where it is read.
fn koleo_group_size(config: &Value) -> Option<u64> {
    whole(config, "dino.koleo_distributed_loss_group_size").filter(|_| holds(config, "dino.koleo_loss_distributed"))
}

/// A group is the images of whole ranks, at least as many as neighbours. With several students a rank's share of the
/// batch depends on the number of ranks.
fn koleo_group(config: &Value) -> Result<(), ConfigError> {
    const KEY: &str = "dino.koleo_distributed_loss_group_size";
    let Some(group) = koleo_group_size(config) else { return Ok(()) };
    if let Some(topk) = whole(config, "dino.koleo_topk").filter(|topk| *topk > group) {
        return Err(value(config, KEY, format!("it must hold the {topk} neighbours of `dino.koleo_topk`")));
    }
    match whole(config, "train.batch_size_per_gpu") {
        Some(batch) if batch > 0 && group % batch != 0 && !holds(config, "multidistillation.enabled") => Err(value(
            config,
            KEY,
            format!("the reference requires a multiple of the images of a rank, {batch} (`train.batch_size_per_gpu`)"),
        )),
        _ => Ok(()),
    }
}

/// Warm-up and cosine fit the run, and the run fits memory.
fn schedules(config: &Value, errors: &mut Errors) {
    let (Some(epochs), Some(length)) = (whole(config, "optim.epochs"), whole(config, "train.OFFICIAL_EPOCH_LENGTH"))
    else {
        return;
    };
    let most = MOST_ITERATIONS as u64;
    if epochs.saturating_mul(length) > most {
        let reason = format!("{epochs} epochs of {length} iterations are more than {most}, the longest curve here");
        errors.add(value(config, "optim.epochs", reason));
        return;
    }
    if has_schedules(config) {
        for section in ["schedules.lr", "schedules.weight_decay", "schedules.momentum", "schedules.teacher_temp"] {
            errors.take(decay(config, section, epochs));
        }
    } else {
        errors.take(first_version(config, epochs, length));
    }
    for (section, read) in [
        ("dino.local_loss_weight_schedule", holds(config, "dino.reweight_dino_local_loss")),
        ("gram.loss_weight_schedule", holds(config, "gram.use_loss") && holds(config, "gram.loss_weight_schedule")),
    ] {
        if read {
            errors.take(decay(config, section, epochs));
        }
    }
}

/// `linear_warmup_cosine_decay` asserts that nothing is left over.
fn decay(config: &Value, section: &str, epochs: u64) -> Result<(), ConfigError> {
    let key = format!("{section}.warmup_epochs");
    let Some(warmup) = whole(config, &key) else { return Ok(()) };
    let cosine = whole(config, &format!("{section}.cosine_epochs")).unwrap_or(0);
    if warmup.saturating_add(cosine) > epochs {
        let reason =
            format!("the curve is longer than the run: with {cosine} epochs of cosine, in {epochs} of training");
        return Err(value(config, &key, reason));
    }
    Ok(())
}

/// `CosineScheduler` asserts that a curve is as long as the run.
fn first_version(config: &Value, epochs: u64, length: u64) -> Result<(), ConfigError> {
    let extra = at(config, "optim.schedule_trunc_extra").and_then(Value::as_f64).unwrap_or(0.0);
    if let Some(warmup) = whole(config, "optim.warmup_epochs") {
        if warmup > epochs {
            let reason = format!("the curve is longer than the run, which has {epochs} epochs (`optim.epochs`)");
            return Err(value(config, "optim.warmup_epochs", reason));
        }
        if warmup == epochs && extra != 0.0 {
            let reason = "beside `optim.schedule_trunc_extra` the reference needs an iteration of cosine after it";
            return Err(value(config, "optim.warmup_epochs", reason));
        }
    }
    let most = MOST_ITERATIONS as f64;
    if (1.0 + extra) * (epochs * length) as f64 > most {
        let reason = format!("the curve drawn before it is cut would have more than {most} iterations");
        return Err(value(config, "optim.schedule_trunc_extra", reason));
    }
    let temperature = "teacher.warmup_teacher_temp_epochs";
    match whole(config, temperature) {
        Some(warmup) if warmup.saturating_mul(length) as f64 > most => {
            Err(value(config, temperature, format!("the curve would have more than {most} iterations")))
        }
        _ => Ok(()),
    }
}

/// Shares of masked patches, as the reference asserts them.
pub(crate) fn mask_shares(config: &Value) -> Result<(), ConfigError> {
    let share = |i: usize| at(config, "ibot.mask_ratio_min_max").and_then(|range| range.get(i)?.as_f64());
    match (share(0), share(1)) {
        (Some(low), Some(high)) if !(0.0 <= low && low < high && high <= 1.0) => {
            Err(unsupported("ibot.mask_ratio_min_max", "the reference asserts 0 <= min < max <= 1"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
