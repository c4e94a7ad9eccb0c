//! Whether a state belongs to a config.

use std::collections::BTreeMap;

use dinov3_config::SslConfig;
use serde_json::Value;

/// Every number and name of a config, under its path, as text: floating-point numbers come back from JSON in no other way to the bit.
pub(crate) type Leaves = BTreeMap<String, String>;

/// What decides no step: the files that the first weights came from.
const WITHOUT_EFFECT: &str = "checkpoints";

/// A rank's share of a batch, which another number of ranks may change.
const PER_RANK: &str = "training.batch_size_per_gpu";

/// How many differences an error names.
const NAMED: usize = 5;

pub(crate) fn leaves(config: &SslConfig) -> Leaves {
    let mut config = serde_json::to_value(config).expect("a config of numbers, names and lists");
    if let Some(sections) = config.as_object_mut() {
        sections.retain(|section, _| section != WITHOUT_EFFECT);
    }
    let mut found = Leaves::new();
    walk("", &config, &mut found);
    found
}

pub(super) fn walk(path: &str, value: &Value, found: &mut Leaves) {
    let within = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| walk(&within(key), value, found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| walk(&within(&i.to_string()), item, found))
        }
        leaf => {
            found.insert(path.to_owned(), leaf.to_string());
        }
    }
}

/// What of the saved config is otherwise here, a sentence each, five at most.
pub(crate) fn differences(saved: &Leaves, here: &Leaves, same_ranks: bool) -> Vec<String> {
    let said = |leaves: &Leaves, key: &str| leaves.get(key).cloned().unwrap_or_else(|| "absent".to_owned());
    let keys = saved.keys().chain(here.keys().filter(|key| !saved.contains_key(*key)));
    let differing = keys.filter(|key| saved.get(*key) != here.get(*key) && (same_ranks || *key != PER_RANK));
    differing.take(NAMED).map(|key| format!("`{key}` was {}, is {}", said(saved, key), said(here, key))).collect()
}
