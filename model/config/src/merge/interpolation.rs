//! `${a.b}`: where it leads, and what stands there.
//!
//! The grammar is OmegaConf's without resolvers: a path of names, in brackets or after dots, absolute or with leading dots
//! for the containers above; names may themselves hold interpolations; `\${` is text.

use serde_json::{Map, Value};

use super::combine::at;
use super::error::MergeProblem;
use super::is_missing;
use crate::yaml::python_float;

mod grammar;

use grammar::{Name, Piece, Reference};

type Path = Vec<String>;

/// Whether a text holds an interpolation, or one that a backslash turns into text.
pub(super) fn is_one(text: &str) -> bool {
    text.contains("${")
}

/// Every interpolation of a mapping can be read.
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

/// The config with a value in place of each interpolation.
pub(super) fn resolve(root: &Value) -> Result<Value, MergeProblem> {
    Resolver { root, open: Vec::new() }.value(&Vec::new())
}

/// The value at a path with a value in place of each interpolation; none if nothing is there.
pub(super) fn resolve_at(root: &Value, path: &[&str]) -> Result<Option<Value>, MergeProblem> {
    let path: Path = path.iter().map(|&key| key.to_owned()).collect();
    if at(root, &path).is_none() {
        return Ok(None);
    }
    Resolver { root, open: Vec::new() }.value(&path).map(Some)
}

/// The container that the interpolation at a path leads to, as it stands. None where there is no interpolation, or where
/// it leads to something else.
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

/// What an interpolation comes to.
enum Found {
    /// A node of the config.
    At(Path),
    /// A text put together.
    Made(Value),
}

struct Resolver<'a> {
    root: &'a Value,
    /// The nodes whose value is being found, outermost first.
    open: Vec<Path>,
}

impl Resolver<'_> {
    /// The value of the node at a path, which exists.
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

    /// Where the interpolation at a path leads in the end.
    fn follow(&mut self, path: &Path) -> Result<Found, MergeProblem> {
        match at(self.root, path) {
            Some(Value::String(text)) if is_one(text) => self.within(path, |this| match this.evaluate(path, text)? {
                Found::At(target) => this.follow(&target),
                made => Ok(made),
            }),
            _ => Ok(Found::At(path.clone())),
        }
    }

    /// Does something for the node at a path, unless it is already being done.
    fn within<T>(
        &mut self,
        path: &Path,
        act: impl FnOnce(&mut Self) -> Result<T, MergeProblem>,
    ) -> Result<T, MergeProblem> {
        if self.open.contains(path) {
            let key = self.open[0].join(".");
            return Err(MergeProblem::Target {
                key,
                target: path.join("."),
                why: "which leads back to where it began",
            });
        }
        self.open.push(path.clone());
        let result = act(self);
        self.open.pop();
        result
    }

    /// What the text of the node at a path stands for.
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
                        why: "which is no part of a text: it is a list or a mapping",
                    })?);
                }
            }
        }
        Ok(whole)
    }

    /// The node that a reference leads to, through other references if need be.
    fn target(&mut self, path: &Path, reference: &Reference) -> Result<Path, MergeProblem> {
        let names: Vec<String> =
            reference.names.iter().map(|name| self.name(path, name)).collect::<Result<_, MergeProblem>>()?;
        let shown = format!("{}{}", ".".repeat(reference.dots), names.join("."));
        let fail = |why| MergeProblem::Target { key: path.join("."), target: shown.clone(), why };
        let mut place: Path = match reference.dots {
            0 => Vec::new(),
            dots if dots <= path.len() => path[..path.len() - dots].to_vec(),
            _ => return Err(fail("which has more dots than there are sections above")),
        };
        for name in names {
            match self.follow(&place)? {
                Found::At(found) => place = found,
                Found::Made(_) => return Err(fail("which goes through a text")),
            }
            match at(self.root, &place) {
                Some(Value::Object(_) | Value::Array(_)) => place.push(name),
                _ => return Err(fail("which goes through a value that is no section")),
            }
            if at(self.root, &place).is_none() {
                return Err(fail("which is not there"));
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

/// A value as Python's `str` writes it; none for a container.
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
