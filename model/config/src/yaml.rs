//! YAML, read and written as OmegaConf does.
//!
//! OmegaConf uses PyYAML, which implements YAML 1.1: `yes` is a boolean, `010` is 8, `1:30` is 90. OmegaConf itself
//! adds that `1e-4` is a float and that a date stays a string. `saphyr-parser` produces the events; this module gives
//! them meaning. `tests/it/omegaconf.json` holds the answers of OmegaConf 2.3.0 and 2.4.0.
//!
//! The reader refuses by name what the reference's config never uses: keys that are not strings, tags other than
//! `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!seq` and `!!map` (a lone `!` too), numbers that JSON cannot hold
//! (`.inf`, `.nan`, integers beyond 64 bits), more than one document, and the three characters that end a line in YAML
//! 1.1 alone (U+0085, U+2028, U+2029), unless they are written as escapes.
//!
//! The parser implements YAML 1.2. Unlike libyaml, it refuses a tab after a colon, a line within brackets or quotes that
//! is not indented further than its key or dash, a lone `-` within brackets, and a byte-order mark within the text. It
//! accepts a tab before the first key or where a block's indentation ends, control characters as they are, an anchor name
//! given twice, `!!str` before a closing bracket, lines that begin with `%`, and `...` as a value. The merge refuses `=` as
//! a value, a list or mapping within a text (`x${optim}`), and references of containers to themselves; it accepts an
//! interpolation that is broken and then overridden, once that is gone. None of these changes a value in silence.

mod build;
mod compose;
mod emit;
mod error;
mod scalar;

use std::path::Path;

pub use emit::{python_float, to_yaml};
pub use error::{Place, YamlError, YamlProblem};

use serde_json::Value;

/// Parses a YAML text. An empty text is null. Strings such as `${a.b}` and `???` stay unchanged; the merge of configs
/// gives them their meaning.
///
/// # Errors
/// If the text is not YAML or holds something that cannot be part of a config. The error gives the place; `source` is
/// the name of the text in it.
pub fn parse(source: &str, text: &str) -> Result<Value, YamlError> {
    let problem = |(mark, problem)| YamlError::Text { place: Place::new(source, mark), problem };
    match compose::compose(text).map_err(problem)? {
        Some(node) => build::value(&node).map_err(problem),
        None => Ok(Value::Null),
    }
}

/// Parses a YAML file.
///
/// # Errors
/// As [`parse`], and if the file cannot be read or is not UTF-8.
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
