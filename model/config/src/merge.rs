//! The reference's merge: defaults, then a YAML file, then `key=value` overrides, as `dinov3/configs/config.py` does
//! with OmegaConf. Each layer replaces values of the layers before it. `train.py` merges without strictness and so
//! accepts unknown keys; this merge accepts them too, but reports them.
//!
//! The merge is stricter than OmegaConf in four points. It resolves interpolations at once and not when a value is
//! read, so a broken interpolation is an error even if nothing reads it. It refuses resolvers (`${oc.env:X}`). It
//! refuses an override whose key holds a backslash, an open bracket or text after a bracket, because OmegaConf 2.3 and
//! 2.4 read a backslash differently and drop the others silently. A file must be a mapping.

mod combine;
mod dotlist;
mod error;
mod interpolation;
mod known;
mod scaling;
mod student;

use std::path::Path;

pub use error::{MergeError, MergeProblem, StudentProblem};
pub use known::UnknownKey;
pub use scaling::{Scaled, apply_scaling_rules};
pub use student::{Student, merged_student, students};

use serde_json::{Map, Value};

use super::defaults::defaults;
use super::yaml;

/// A merged config with remarks on its keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The config: a mapping of sections with every interpolation resolved. A key without a value keeps `???`.
    pub config: Value,
    /// Keys that exist neither in the defaults nor in the reference's own code or configs. They are part of `config`.
    pub unknown: Vec<UnknownKey>,
    /// Keys that the reference's published configs contain but nothing at this commit reads.
    pub unread: Vec<String>,
    /// Keys whose value is still `???`, OmegaConf's mark for a value that must be given.
    pub missing: Vec<String>,
}

/// Merges the defaults, the file if there is one, and the overrides: `get_cfg_from_args` without its
/// `train.output_dir`. The caller adds `train.output_dir` as an override.
///
/// # Errors
/// If a file cannot be read or is not YAML, an override is malformed, a list is merged with a mapping, or an
/// interpolation refers to nothing.
pub fn merged(file: Option<&Path>, overrides: &[String]) -> Result<Merged, MergeError> {
    let mut layers = Vec::new();
    if let Some(file) = file {
        layers.push(load(file)?);
    }
    merged_layers(layers, overrides)
}

/// The same for a YAML text, which has the name `name` in messages.
///
/// # Errors
/// As [`merged`].
pub fn merged_text(name: &str, text: &str, overrides: &[String]) -> Result<Merged, MergeError> {
    merged_layers(vec![Layer::of(name.to_owned(), yaml::parse(name, text)?)?], overrides)
}

/// Merges a distillation's teacher config: defaults, then the file `distillation.full_cfg_path` of the student's merged
/// config. A relative path is relative to the current folder, as in the reference.
///
/// # Errors
/// If no path is given, and as [`merged`].
pub fn merged_teacher(config: &Value) -> Result<Merged, MergeError> {
    match config.pointer("/distillation/full_cfg_path").and_then(Value::as_str) {
        Some(path) if !path.is_empty() => merged(Some(Path::new(path)), &[]),
        _ => Err(MergeError::NoTeacher),
    }
}

/// Merges overrides into a YAML text, without the defaults, as OmegaConf alone does.
///
/// # Errors
/// As [`merged`].
pub fn combined(text: &str, overrides: &[String]) -> Result<Value, MergeError> {
    let layer = Layer::of("the text".to_owned(), yaml::parse("the text", text)?)?;
    combine(Value::Object(Map::new()), vec![layer], overrides)
}

/// Merges the layers into the defaults, then the overrides.
fn merged_layers(layers: Vec<Layer>, overrides: &[String]) -> Result<Merged, MergeError> {
    Ok(reviewed(combine(defaults(), layers, overrides)?))
}

/// A merged config with remarks on its keys.
pub fn reviewed(config: Value) -> Merged {
    let (unknown, unread) = known::review(&config);
    let missing = missing(&config);
    Merged { config, unknown, unread, missing }
}

fn combine(mut root: Value, layers: Vec<Layer>, overrides: &[String]) -> Result<Value, MergeError> {
    for layer in layers {
        combine::merge(&mut root, layer.mapping).map_err(|problem| MergeError::Layer { layer: layer.name, problem })?;
    }
    let overrides = dotlist::from_dotlist(overrides)?;
    combine::merge(&mut root, overrides)
        .map_err(|problem| MergeError::Layer { layer: "the overrides".to_owned(), problem })?;
    interpolation::resolve(&root).map_err(MergeError::Interpolation)
}

/// A file to merge.
struct Layer {
    /// The name in messages.
    name: String,
    mapping: Map<String, Value>,
}

impl Layer {
    fn of(name: String, value: Value) -> Result<Self, MergeError> {
        let mapping = match value {
            Value::Object(mapping) => mapping,
            Value::Null => Map::new(),
            _ => return Err(MergeError::NotAMapping(name)),
        };
        match interpolation::check(&mapping) {
            Ok(()) => Ok(Self { name, mapping }),
            Err(problem) => Err(MergeError::Layer { layer: name, problem }),
        }
    }
}

fn load(file: &Path) -> Result<Layer, MergeError> {
    Layer::of(file.display().to_string(), yaml::load(file)?)
}

/// OmegaConf's mark for a value that must be given.
const MISSING: &str = "???";

pub(crate) fn is_missing(value: &Value) -> bool {
    value.as_str() == Some(MISSING)
}

fn missing(config: &Value) -> Vec<String> {
    fn walk(value: &Value, key: &str, found: &mut Vec<String>) {
        let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
        match value {
            Value::Object(map) => map.iter().for_each(|(name, value)| walk(value, &below(name), found)),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, value)| walk(value, &below(&i.to_string()), found));
            }
            value if is_missing(value) => found.push(key.to_owned()),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(config, "", &mut found);
    found
}

#[cfg(test)]
mod tests;
