//! YAML as OmegaConf reads and writes it.
//!
//! OmegaConf stands on PyYAML, which is YAML 1.1: `yes` is a boolean, `010` is 8, `1:30` is 90; on top of it `1e-4` is a
//! float and a date stays a string. The events come from `saphyr-parser`; everything that gives them meaning is here.
//! Measured against OmegaConf 2.3.0 and 2.4.0: `tests/it/omegaconf.json` holds what they answered.
//!
//! Refused by name, because the reference's config has no use for it: keys that are no strings, tags other than
//! `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!seq` and `!!map`, numbers that JSON cannot hold (`.inf`, `.nan`,
//! integers beyond 64 bits), more than one document. The parser is YAML 1.2's: it also refuses a tab after a colon and a
//! closing bracket that is not indented, and lets pass what libyaml does not: a tab before the first key, one anchor name
//! given twice, `...` as a value.

mod build;
mod compose;
mod emit;
mod error;
mod scalar;

use std::path::Path;

pub(super) use emit::python_float;
pub use emit::to_yaml;
pub use error::{Place, YamlError, YamlProblem};

use serde_json::Value;

/// The value of a YAML text. Nothing at all is null. Strings such as `${a.b}` and `???` stay as they are: they get their
/// meaning where configs are merged.
///
/// # Errors
/// For a text that is not YAML, and for what cannot be part of a config; both say where. `source` names the text there.
pub fn parse(source: &str, text: &str) -> Result<Value, YamlError> {
    let problem = |(mark, problem)| YamlError::Text { place: Place::new(source, mark), problem };
    match compose::compose(text).map_err(problem)? {
        Some(node) => build::value(&node).map_err(problem),
        None => Ok(Value::Null),
    }
}

/// The value of a YAML file.
///
/// # Errors
/// As [`parse`], and for a file that cannot be read or is not UTF-8.
pub fn load(path: &Path) -> Result<Value, YamlError> {
    let source = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| YamlError::Read { path: source.clone(), error })?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = 1 + before.matches('\n').count();
        let column = 1 + before.chars().rev().take_while(|&char| char != '\n').count();
        YamlError::Text { place: Place::new(&source, (line, column)), problem: YamlProblem::NotUtf8 }
    })?;
    parse(&source, text)
}

#[cfg(test)]
mod tests;
