//! A config made of `key=value` overrides: `OmegaConf.from_dotlist`.

use serde_json::{Map, Value};

use super::combine::{at, put, set};
use super::error::{MergeError, MergeProblem};
use super::interpolation;
use crate::yaml::{self, YamlError};

/// The overrides as one mapping; a later override replaces an earlier one. A key without `=` is null.
pub(super) fn from_dotlist(overrides: &[String]) -> Result<Map<String, Value>, MergeError> {
    let mut root = Value::Object(Map::new());
    for text in overrides {
        let malformed = |problem| MergeError::Override { text: text.clone(), problem };
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, value_of(text, value)?),
            None => (text.as_str(), Value::Null),
        };
        let path = split_key(key).map_err(malformed)?;
        update(&mut root, &path, value).map_err(malformed)?;
    }
    match root {
        Value::Object(map) => {
            let layer = || "the overrides".to_owned();
            interpolation::check(&map).map_err(|problem| MergeError::Layer { layer: layer(), problem })?;
            Ok(map)
        }
        _ => Ok(Map::new()),
    }
}

fn value_of(text: &str, value: &str) -> Result<Value, MergeError> {
    yaml::parse("the override", value).map_err(|error| match error {
        YamlError::Text { problem, .. } => MergeError::Value { text: text.to_owned(), problem },
        error => error.into(),
    })
}

/// The parts of `a.b[c]`. Dots without a name between them make empty names, as in OmegaConf.
fn split_key(key: &str) -> Result<Vec<String>, MergeProblem> {
    let wrong = |what| MergeProblem::Key { what };
    if key.contains('\\') {
        return Err(wrong("a backslash is not allowed"));
    }
    let (head, mut rest) = key.split_at(key.find('[').unwrap_or(key.len()));
    let mut parts: Vec<String> = head.split('.').map(str::to_owned).collect();
    if head.is_empty() && !rest.is_empty() {
        parts.clear();
    }
    while !rest.is_empty() {
        if let Some(bracket) = rest.strip_prefix('[') {
            let (part, after) = bracket.split_once(']').ok_or(wrong("a bracket is left open"))?;
            parts.push(part.to_owned());
            rest = after;
        } else if let Some(dotted) = rest.strip_prefix('.') {
            let (part, after) = dotted.split_at(dotted.find(['.', '[']).unwrap_or(dotted.len()));
            parts.push(part.to_owned());
            rest = after;
        } else {
            return Err(wrong("text follows a bracket"));
        }
    }
    Ok(parts)
}

/// `OmegaConf.update`: a value on the way of the path becomes a mapping, and containers are merged into containers.
fn update(root: &mut Value, path: &[String], value: Value) -> Result<(), MergeProblem> {
    let mut place: Vec<String> = Vec::new();
    for key in &path[..path.len() - 1] {
        step(root, &mut place, key)?;
        match at(root, &place) {
            Some(Value::Object(_) | Value::Array(_)) => {}
            Some(Value::String(text)) if interpolation::is_one(text) => {
                return Err(MergeProblem::Through { key: place.join(".") });
            }
            _ => set(root, &place, Value::Object(Map::new())),
        }
    }
    step(root, &mut place, &path[path.len() - 1])?;
    let is_container = |value: &Value| value.is_object() || value.is_array();
    if is_container(&value) && at(root, &place).is_some_and(is_container) {
        return put(root, &mut place, value);
    }
    set(root, &place, value);
    Ok(())
}

/// Descends by one key. In a list the key must be an index; a negative index counts from the end.
fn step(root: &Value, place: &mut Vec<String>, key: &str) -> Result<(), MergeProblem> {
    let mut key = key.to_owned();
    if let Some(Value::Array(items)) = at(root, place) {
        let length = items.len();
        let index = key.parse::<i64>().ok().map(|index| if index < 0 { index + length as i64 } else { index });
        match index.filter(|index| (0..length as i64).contains(index)) {
            Some(index) => key = index.to_string(),
            None => return Err(MergeProblem::Index { index: key, list: place.join("."), length }),
        }
    }
    place.push(key);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(overrides: &[&str], expected: Value) {
        let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
        assert_eq!(Value::Object(from_dotlist(&overrides).unwrap()), expected, "{overrides:?}");
    }

    #[test]
    fn keys_are_split_at_dots_and_brackets() {
        for (key, parts) in [
            ("a", &["a"][..]),
            ("a.b", &["a", "b"]),
            ("a[b]", &["a", "b"]),
            ("[a].b", &["a", "b"]),
            ("[a][b]", &["a", "b"]),
            (".a.b[c].d", &["", "a", "b", "c", "d"]),
            ("a..b", &["a", "", "b"]),
            ("a.", &["a", ""]),
            ("", &[""]),
        ] {
            assert_eq!(split_key(key).unwrap(), parts, "{key}");
        }
        for key in ["a[b", "a[b]c", "a\\.b"] {
            assert!(split_key(key).is_err(), "{key}");
        }
    }

    #[test]
    fn later_overrides_change_what_earlier_ones_made() {
        check(&["a.b=1", "a.c=x", "a.b=2"], json!({"a": {"b": 2, "c": "x"}}));
        check(&["a=1", "a.b=2"], json!({"a": {"b": 2}}));
        check(&["a={x: 1}", "a={y: 2}"], json!({"a": {"x": 1, "y": 2}}));
        check(&["a={x: 1}", "a=null", "a.y=2"], json!({"a": {"y": 2}}));
        check(&["a=[9, 8]", "a.0=5", "a[-1]=6"], json!({"a": [5, 6]}));
        check(&["a=[{k: 1}]", "a.0.z=5", "a.0={k: 2}"], json!({"a": [{"k": 2, "z": 5}]}));
        check(&["a=[[1, 2], 3]", "a.0=[7]", "a.1.x=4"], json!({"a": [[7], {"x": 4}]}));
        check(&["a=", "b", "c=x=y"], json!({"a": null, "b": null, "c": "x=y"}));
    }
}
