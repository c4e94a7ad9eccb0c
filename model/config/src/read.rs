//! Reads values as the reference's Python reads them, and names the key of a value that cannot be read.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_path_to_error::Segment;

use crate::error::ConfigError;
use crate::merge::is_missing;

/// Python's truth of a value: null, zero and what is empty are false, all else is true, the text `false` too.
pub fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// The value at a dotted key of a config.
pub fn at<'a>(config: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(config, |value, part| value.get(part))
}

/// [`truth`] of the value at a dotted key; a missing value is false.
pub fn holds(config: &Value, key: &str) -> bool {
    at(config, key).is_some_and(|value| !is_missing(value) && truth(value))
}

/// Reads the section at a dotted key, or the whole config for an empty one.
///
/// # Errors
/// If a key is missing or has a value of the wrong kind; the error names it.
pub(crate) fn section<T: DeserializeOwned>(config: &Value, section: &str) -> Result<T, ConfigError> {
    let part = if section.is_empty() { Some(config) } else { at(config, section) };
    let part = part.ok_or_else(|| ConfigError::Missing { key: section.to_owned() })?;
    serde_path_to_error::deserialize(part).map_err(|error| {
        let mut key = section.to_owned();
        let mut given = Some(part);
        for segment in error.path() {
            let name = match segment {
                Segment::Seq { index } => index.to_string(),
                Segment::Map { key } | Segment::Enum { variant: key } => key.clone(),
                Segment::Unknown => continue,
            };
            given = given.and_then(|value| value.get(&name).or_else(|| value.get(name.parse::<usize>().ok()?)));
            key = if key.is_empty() { name } else { format!("{key}.{name}") };
        }
        let message = error.inner().to_string();
        if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            return ConfigError::Missing {
                key: if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") },
            };
        }
        let given = given.map(Value::to_string).unwrap_or_default();
        ConfigError::Value { key, given, reason: plain(&message) }
    })
}

/// serde's message in plain words, without the value, which the error has beside it.
fn plain(message: &str) -> String {
    match message.split_once(", expected ") {
        Some((found, known)) if found.starts_with("unknown variant") => {
            format!("known are {}", known.strip_prefix("one of ").unwrap_or(known))
        }
        Some((_, expected)) => format!(
            "expected {}",
            match expected {
                "f64" => "a number",
                "i64" => "a whole number",
                "usize" | "u64" => "a whole number that is not negative",
                "a string" => "a text",
                "a tuple of size 2" => "a list of 2 numbers",
                "fewer elements in array" => "fewer values",
                "an array of length 3" => "a list of 3 numbers",
                other if other.starts_with("struct ") => "a mapping",
                other => other,
            }
        ),
        None => message.to_owned(),
    }
}

/// A value of which the reference asks only whether it is true.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    given(deserializer).map(|value| truth(&value))
}

/// A value that is not `???`, which OmegaConf refuses to read.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if is_missing(&value) { Err(D::Error::custom("it must be given a value")) } else { Ok(value) }
}

/// A path; null means none. A number is none: it would name no file, and the reference fails later or never.
pub(crate) fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match given(deserializer)? {
        Value::Null => Ok(None),
        Value::String(path) => Ok(Some(path)),
        Value::Number(number) if number.is_f64() => {
            Err(D::Error::custom("a path belongs there, and this is a number: quote it, or write `./` before it"))
        }
        Value::Number(number) => Err(D::Error::custom(format!(
            "a path belongs there, and this is a number: quote it, or write `./{number}`"
        ))),
        _ => Err(D::Error::custom("expected a path")),
    }
}

/// A count whose absence has a meaning, and whose null the reference cannot compute with.
pub(crate) fn count_if_given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    match &value {
        // For OmegaConf a key with the value `???` is not there.
        value if is_missing(value) => Ok(None),
        Value::Null => Err(D::Error::custom("the reference multiplies it: leave the key out for all that is left")),
        _ => usize::deserialize(value).map(Some).map_err(D::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn truth_is_python_s() {
        for value in [json!(1), json!(-0.5), json!("false"), json!(" "), json!([0]), json!({"a": null}), json!(true)] {
            assert!(truth(&value), "{value}");
        }
        for value in [json!(0), json!(0.0), json!(-0.0), json!(""), json!([]), json!({}), json!(null), json!(false)] {
            assert!(!truth(&value), "{value}");
        }
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only read")]
    struct Part {
        #[serde(deserialize_with = "flag")]
        on: bool,
        scale: (f64, f64),
        epochs: usize,
    }

    #[test]
    fn errors_name_the_key_and_the_value() {
        let read = |part: Value| section::<Part>(&json!({"a": {"b": part}}), "a.b").unwrap_err().to_string();
        let shown = [
            read(json!({"on": 1, "scale": [1, "x"], "epochs": 1})),
            read(json!({"on": 1, "scale": [1, 2, 3], "epochs": 1})),
            read(json!({"on": 1, "scale": [1, 2], "epochs": -1})),
            read(json!({"on": 1, "scale": [1, 2], "epochs": 1.5})),
            read(json!({"on": "???", "scale": [1, 2], "epochs": 1})),
            read(json!({"on": 1, "scale": [1, 2]})),
            section::<Part>(&json!({}), "a.b").unwrap_err().to_string(),
        ];
        insta::assert_snapshot!(shown.join("\n"));
    }
}
