//! The merge of two mappings: mappings merge recursively, all other values are replaced.

use serde_json::{Map, Value};

use super::error::MergeProblem;
use super::{interpolation, is_missing};

/// Merges `above` into the mapping `root`.
pub(super) fn merge(root: &mut Value, above: Map<String, Value>) -> Result<(), MergeProblem> {
    merge_at(root, &mut Vec::new(), above)
}

/// Merges `above` into the mapping at `path`.
fn merge_at(root: &mut Value, path: &mut Vec<String>, above: Map<String, Value>) -> Result<(), MergeProblem> {
    for (key, value) in above {
        path.push(key);
        put(root, path, value)?;
        path.pop();
    }
    Ok(())
}

/// Merges a value into the value at `path`. The parent of `path` must exist.
pub(super) fn put(root: &mut Value, path: &mut Vec<String>, value: Value) -> Result<(), MergeProblem> {
    if let Some(container) = interpolation::container(root, path) {
        // A merge into a reference to a container merges into a copy of the container.
        set(root, path, container);
    }
    match (at(root, path), value) {
        (Some(_), value) if is_missing(&value) => Ok(()),
        (Some(Value::Object(_)), Value::Object(above)) => merge_at(root, path, above),
        (Some(below @ (Value::Object(_) | Value::Array(_))), above @ (Value::Object(_) | Value::Array(_)))
            if below.is_array() != above.is_array() =>
        {
            Err(MergeProblem::Containers { key: path.join("."), below: kind(below), above: kind(&above) })
        }
        (_, value) => {
            set(root, path, value);
            Ok(())
        }
    }
}

fn kind(value: &Value) -> &'static str {
    if value.is_array() { "list" } else { "mapping" }
}

/// The value at a path; lists are indexed by number.
pub(super) fn at<'a>(root: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(root, |value, key| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        value => value.get(key),
    })
}

/// The mutable value at a path; lists are indexed by number.
fn at_mut<'a>(root: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(root, |value, key| match value {
        Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
        value => value.get_mut(key),
    })
}

/// Sets the value at a path. The parent must be a mapping, or a list with that index; an existing key keeps its place.
pub(super) fn set(root: &mut Value, path: &[String], value: Value) {
    let Some((key, parent)) = path.split_last() else { return };
    match at_mut(root, parent) {
        Some(Value::Object(map)) => {
            map.insert(key.clone(), value);
        }
        Some(Value::Array(items)) => {
            if let Some(item) = key.parse().ok().and_then(|i: usize| items.get_mut(i)) {
                *item = value;
            }
        }
        _ => {}
    }
}
