//! Interpolations (`${a.b}`): their targets and values.
//!
//! The grammar is OmegaConf's without resolvers: a path of names, in brackets or after dots, absolute or with leading
//! dots for the containers above; names may themselves hold interpolations; `\${` is text.

use serde_json::{Map, Value};

use super::combine::at;
use super::error::MergeProblem;
use super::is_missing;
use crate::yaml::python_float;

mod grammar;

use grammar::{Name, Piece, Reference};

type Path = Vec<String>;

/// Whether a text holds an interpolation, escaped or not.
pub(super) fn is_one(text: &str) -> bool {
    text.contains("${")
}

/// Checks the grammar of every interpolation of a mapping.
pub(super) fn check(mapping: &Map<String, Value>) -> Result<(), MergeProblem> {
    fn walk(value: &Value, path: &mut Path) -> Result<(), MergeProblem> {
        let mut below = |key: String, value: &Value| {
            path.push(key);
            let result = walk(value, path);
            path.pop();
            result
        };
        match value {
            Value::Object(map) => map.iter().try_for_each(|(key, value)| below(key.clone(), value)),
            Value::Array(items) => items.iter().enumerate().try_for_each(|(i, value)| below(i.to_string(), value)),
            Value::String(text) if is_one(text) => pieces(text, path).map(|_| ()),
            _ => Ok(()),
        }
    }
    mapping.iter().try_for_each(|(key, value)| walk(value, &mut vec![key.clone()]))
}

/// The config with every interpolation replaced by its value.
pub(super) fn resolve(root: &Value) -> Result<Value, MergeProblem> {
    Resolver { root, open: Vec::new() }.value(&Vec::new())
}

/// The value at a path with every interpolation replaced by its value; `None` if the path does not exist.
pub(super) fn resolve_at(root: &Value, path: &[&str]) -> Result<Option<Value>, MergeProblem> {
    let path: Path = path.iter().map(|&key| key.to_owned()).collect();
    if at(root, &path).is_none() {
        return Ok(None);
    }
    Resolver { root, open: Vec::new() }.value(&path).map(Some)
}

/// The container that the interpolation at a path refers to, unresolved; `None` if the path holds no interpolation, or
/// the interpolation refers to another kind of value.
pub(super) fn container(root: &Value, path: &[String]) -> Option<Value> {
    at(root, path)?.as_str().filter(|text| is_one(text))?;
    match (Resolver { root, open: Vec::new() }).follow(&path.to_vec()).ok()? {
        Found::At(target) => at(root, &target).filter(|value| value.is_object() || value.is_array()).cloned(),
        Found::Made(_) => None,
    }
}

fn pieces(text: &str, path: &Path) -> Result<Vec<Piece>, MergeProblem> {
    grammar::pieces(text).map_err(|wrong| match wrong {
        grammar::Wrong::Syntax => MergeProblem::Grammar { key: path.join("."), text: text.to_owned() },
        grammar::Wrong::Resolver(name) => MergeProblem::Resolver { key: path.join("."), name },
    })
}

/// The result of an interpolation.
enum Found {
    /// A node of the config.
    At(Path),
    /// A composed text.
    Made(Value),
}

struct Resolver<'a> {
    root: &'a Value,
    /// The nodes under resolution, outermost first.
    open: Vec<Path>,
}

impl Resolver<'_> {
    /// The value of the node at a path. The path must exist.
    fn value(&mut self, path: &Path) -> Result<Value, MergeProblem> {
        let node = at(self.root, path).unwrap_or(&Value::Null);
        let below = |key: String| path.iter().cloned().chain([key]).collect::<Path>();
        match node {
            Value::Object(map) => {
                let pairs = map.keys().map(|key| Ok((key.clone(), self.value(&below(key.clone()))?)));
                Ok(Value::Object(pairs.collect::<Result<_, MergeProblem>>()?))
            }
            Value::Array(items) => {
                let items = (0..items.len()).map(|i| self.value(&below(i.to_string())));
                Ok(Value::Array(items.collect::<Result<_, MergeProblem>>()?))
            }
            Value::String(text) if is_one(text) => self.within(path, |this| match this.evaluate(path, text)? {
                Found::At(target) => this.value(&target),
                Found::Made(value) => Ok(value),
            }),
            other => Ok(other.clone()),
        }
    }

    /// The final target of the interpolation at a path.
    fn follow(&mut self, path: &Path) -> Result<Found, MergeProblem> {
        match at(self.root, path) {
            Some(Value::String(text)) if is_one(text) => self.within(path, |this| match this.evaluate(path, text)? {
                Found::At(target) => this.follow(&target),
                made => Ok(made),
            }),
            _ => Ok(Found::At(path.clone())),
        }
    }

    /// Calls a function for the node at a path, unless the node is already under resolution.
    fn within<T>(
        &mut self,
        path: &Path,
        act: impl FnOnce(&mut Self) -> Result<T, MergeProblem>,
    ) -> Result<T, MergeProblem> {
        if self.open.contains(path) {
            let key = self.open[0].join(".");
            return Err(MergeProblem::Target { key, target: path.join("."), why: "which refers back to itself" });
        }
        self.open.push(path.clone());
        let result = act(self);
        self.open.pop();
        result
    }

    /// The result of the text at a path.
    fn evaluate(&mut self, path: &Path, text: &str) -> Result<Found, MergeProblem> {
        let pieces = pieces(text, path)?;
        if let [Piece::Reference(reference)] = pieces.as_slice() {
            return self.target(path, reference).map(Found::At);
        }
        self.text(path, &pieces).map(|text| Found::Made(Value::String(text)))
    }

    fn text(&mut self, path: &Path, pieces: &[Piece]) -> Result<String, MergeProblem> {
        let mut whole = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => whole.push_str(text),
                Piece::Reference(reference) => {
                    let target = self.target(path, reference)?;
                    let value = self.value(&target)?;
                    whole.push_str(&as_text(&value).ok_or_else(|| MergeProblem::Target {
                        key: path.join("."),
                        target: target.join("."),
                        why: "which is a list or a mapping and cannot be part of a text",
                    })?);
                }
            }
        }
        Ok(whole)
    }

    /// The node that a reference points to, following further references.
    fn target(&mut self, path: &Path, reference: &Reference) -> Result<Path, MergeProblem> {
        let names: Vec<String> =
            reference.names.iter().map(|name| self.name(path, name)).collect::<Result<_, MergeProblem>>()?;
        let shown = format!("{}{}", ".".repeat(reference.dots), names.join("."));
        let fail = |why| MergeProblem::Target { key: path.join("."), target: shown.clone(), why };
        let mut place: Path = match reference.dots {
            0 => Vec::new(),
            dots if dots <= path.len() => path[..path.len() - dots].to_vec(),
            _ => return Err(fail("which has more dots than the key has sections above it")),
        };
        for name in names {
            match self.follow(&place)? {
                Found::At(found) => place = found,
                Found::Made(_) => return Err(fail("which leads through a text")),
            }
            match at(self.root, &place) {
                Some(Value::Object(_) | Value::Array(_)) => place.push(name),
                _ => return Err(fail("which leads through a value that is not a section")),
            }
            if at(self.root, &place).is_none() {
                return Err(fail("which does not exist"));
            }
        }
        match at(self.root, &place) {
            Some(value) if is_missing(value) => Err(fail("which is `???`")),
            _ => Ok(place),
        }
    }

    fn name(&mut self, path: &Path, name: &Name) -> Result<String, MergeProblem> {
        self.text(path, &name.0)
    }
}

/// A value as Python's `str` writes it; `None` for a container.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("None".to_owned()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Number(number) if number.is_f64() => number.as_f64().map(python_float),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
