//! The known keys: the keys of the defaults, optional keys that the reference reads, and keys that only the reference's
//! published configs contain.

use dinov3_ground::similar::{likeness, most_like_by};
use serde_json::Value;

use crate::defaults::defaults;

/// A key that is unknown to the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKey {
    /// Its dotted path.
    pub key: String,
    /// The most similar known key; `None` if no key is similar enough.
    pub nearest: Option<String>,
}

/// Optional sections that the defaults lack, and the keys that the reference reads in each section. `*` matches any
/// item of a list.
const OPTIONAL: [(&str, &[&str]); 7] = [
    ("schedules.lr", &["start", "peak", "end", "warmup_epochs", "cosine_epochs", "freeze_last_layer_epochs"]),
    ("schedules.weight_decay", &["start", "peak", "end", "warmup_epochs", "cosine_epochs"]),
    ("schedules.momentum", &["start", "peak", "end", "warmup_epochs", "cosine_epochs"]),
    ("schedules.teacher_temp", &["start", "peak", "end", "warmup_epochs", "cosine_epochs"]),
    ("dino.local_loss_weight_schedule", &["cosine_epochs"]),
    ("multidistillation", &["global_batch_size"]),
    ("multidistillation.students.*", &["name", "config_path", "ranks_range"]),
];

/// Keys that the published configs contain but nothing at this commit reads.
const UNREAD: [(&str, &[&str]); 3] = [
    ("train", &["cell_augmentation", "cell_augmentation_type"]),
    (
        "student",
        &[
            "patch_drop",
            "drop_path_uniform",
            "drop_path_shape",
            "sin_cos_embeddings",
            "fourier_embeddings",
            "fourier_encoding_dim",
            "multiple_pos_embeddings",
            "cls_pos_embedding",
            "reg_pos_embedding",
            "block_chunks",
            "mask_attention",
            "mask_register_attention",
            "interpolate_offset",
            "interpolate_antialias",
            "init_std_cls",
            "init_std_reg",
            "rescale_weights_by_layer_id",
            "pos_embed_grid_size",
            "pos_embed_rope_gamma",
            "pos_embed_rope_init_multi_frequencies",
            "sparse24_ranges",
            "sparse24_filter",
            "sparse24_default",
        ],
    ),
    (
        "coding_rate_loss",
        &["use_cls_loss", "cls_loss_weight", "use_masked_patches_loss", "masked_patches_loss_weight", "epsilon"],
    ),
];

/// The unknown keys of a merged config, and its keys that nothing reads.
pub(super) fn review(config: &Value) -> (Vec<UnknownKey>, Vec<String>) {
    let defaults = defaults();
    let mut review =
        Review { known: known(&defaults), unread_keys: paths(&UNREAD), unknown: Vec::new(), unread: Vec::new() };
    review.below(config, Some(&defaults), "", "");
    let Review { known, unknown, unread, .. } = review;
    (
        unknown
            .into_iter()
            .map(|(key, pattern)| UnknownKey { nearest: nearest_to(&key, &pattern, &known), key })
            .collect(),
        unread,
    )
}

struct Review {
    /// Every known key, including sections.
    known: Vec<String>,
    unread_keys: Vec<String>,
    /// The keys, each with its pattern.
    unknown: Vec<(String, String)>,
    unread: Vec<String>,
}

impl Review {
    /// Visits the keys below a key. `pattern` is the key with `*` in place of list indices.
    fn below(&mut self, value: &Value, default: Option<&Value>, key: &str, pattern: &str) {
        match (value, default) {
            // The defaults do not list the keys below a null value or in a list.
            (_, Some(Value::Null | Value::Array(_))) => {}
            (Value::Object(map), default) => {
                for (name, value) in map {
                    let default = default.and_then(|default| default.get(name));
                    self.key(value, default, &join(key, name), &join(pattern, name));
                }
            }
            (Value::Array(items), None) => {
                for (i, item) in items.iter().enumerate() {
                    self.below(item, None, &join(key, &i.to_string()), &join(pattern, "*"));
                }
            }
            _ => {}
        }
    }

    fn key(&mut self, value: &Value, default: Option<&Value>, key: &str, pattern: &str) {
        if default.is_some() || self.known.iter().any(|known| known == pattern) {
            self.below(value, default, key, pattern);
        } else if self.unread_keys.iter().any(|unread| unread == pattern) {
            self.unread.push(key.to_owned());
        } else if self.unread_keys.iter().any(|unread| is_below(unread, pattern)) {
            self.below(value, None, key, pattern);
        } else {
            self.unknown.push((key.to_owned(), pattern.to_owned()));
        }
    }
}

fn join(key: &str, name: &str) -> String {
    if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") }
}

fn is_below(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
}

fn paths(table: &[(&str, &[&str])]) -> Vec<String> {
    table.iter().flat_map(|(section, names)| names.iter().map(|name| join(section, name))).collect()
}

/// Every key of the defaults and every optional one, with the sections above them.
fn known(defaults: &Value) -> Vec<String> {
    fn walk(value: &Value, key: &str, found: &mut Vec<String>) {
        for (name, value) in value.as_object().into_iter().flatten() {
            let key = join(key, name);
            walk(value, &key, found);
            found.push(key);
        }
    }
    let mut found = Vec::new();
    walk(defaults, "", &mut found);
    for path in paths(&OPTIONAL) {
        let ends = path.match_indices('.').map(|(at, _)| at).chain([path.len()]);
        for section in ends.map(|end| path[..end].to_owned()).collect::<Vec<_>>() {
            if !found.contains(&section) {
                found.push(section);
            }
        }
    }
    found
}

/// [`nearest`] for a key that may stand in a list.
fn nearest_to(key: &str, pattern: &str, known: &[String]) -> Option<String> {
    let mut indices = key.split('.').zip(pattern.split('.')).filter(|(_, part)| *part == "*").map(|(index, _)| index);
    let nearest = nearest(pattern, known)?;
    let parts = nearest.split('.').map(|part| if part == "*" { indices.next().unwrap_or(part) } else { part });
    Some(parts.collect::<Vec<_>>().join("."))
}

/// The most likely intended key: first a key with the same name in another section, then a key with a similar name in
/// the same section, then a key that is similar as a whole.
fn nearest(key: &str, known: &[String]) -> Option<String> {
    let (section, name) = split(key);
    let named = || known.iter().filter(|known| known.contains('*') == key.contains('*'));
    let alike = |known: &str| likeness(key, known);
    let of_that_name = named().filter(|known| split(known).1 == name);
    let elsewhere = of_that_name.reduce(|best, next| if alike(next) > alike(best) { next } else { best });
    let beside = || named().filter(|known| split(known).0 == section);
    let meant = elsewhere
        .or_else(|| most_like_by(name, beside(), |known| split(known).1))
        .or_else(|| most_like_by(key, named(), |known| known));
    meant.cloned()
}

/// A key's section and its own name.
fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, meant: Option<&str>) {
        assert_eq!(nearest(key, &known(&defaults())).as_deref(), meant, "{key}");
    }

    #[test]
    fn slips_are_understood() {
        check("optim.lrr", Some("optim.lr"));
        check("optim.learning_rate", Some("optim.lr"));
        check("train.lr", Some("optim.lr"));
        check("optm", Some("optim"));
        check("lr", Some("optim.lr"));
        check("student.drop_path", Some("student.drop_path_rate"));
        check("train.official_epoch_length", Some("train.OFFICIAL_EPOCH_LENGTH"));
        check("schedules.lr.warmup", Some("schedules.lr.warmup_epochs"));
        check("schedule", Some("schedules"));
        check("teacher.arch", Some("student.arch"));
        check("crops.global_crop_size", Some("crops.global_crops_size"));
        check("nonsense", None);
    }
}
