//! Builds values from nodes: types, merge keys, duplicates.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::compose::{Kind, Node, Problem};
use super::error::{KeyPath, YamlProblem};
use super::scalar::{self, Type};

const KNOWN_TAGS: &str = "!!str, !!int, !!float, !!bool, !!null, !!seq and !!map";

/// The value of a tree.
pub(super) fn value(node: &Node) -> Result<Value, Problem> {
    build(node, &mut Vec::new())
}

fn build(node: &Node, path: &mut Vec<String>) -> Result<Value, Problem> {
    match (&node.kind, node.tag.as_deref()) {
        (Kind::Scalar { text, plain: true }, None) => plain(node, text, path),
        (Kind::Scalar { text, plain: false }, None) => Ok(Value::String(text.clone())),
        (Kind::Scalar { text, .. }, Some(tag)) => tagged(node, text, tag, path),
        (Kind::List(items), None | Some("!!seq")) => {
            let items = items.iter().enumerate().map(|(i, item)| below(path, i.to_string(), item));
            Ok(Value::Array(items.collect::<Result<_, _>>()?))
        }
        (Kind::Mapping(_), None | Some("!!map")) => mapping(node, path),
        (_, Some(tag)) => Err((node.mark, unknown_tag(tag, path))),
    }
}

fn below(path: &mut Vec<String>, key: String, node: &Node) -> Result<Value, Problem> {
    path.push(key);
    let value = build(node, path);
    path.pop();
    value
}

fn at(path: &[String]) -> KeyPath {
    KeyPath(path.join("."))
}

fn unknown_tag(tag: &str, path: &[String]) -> YamlProblem {
    YamlProblem::Tag { key: at(path), tag: tag.to_owned(), known: KNOWN_TAGS }
}

fn plain(node: &Node, text: &str, path: &[String]) -> Result<Value, Problem> {
    match scalar::type_of(text) {
        Type::Null => Ok(Value::Null),
        Type::Bool(value) => Ok(Value::Bool(value)),
        Type::Int => int(node, text, path),
        Type::Float => float(node, text, path),
        Type::String => Ok(Value::String(text.to_owned())),
        Type::Merge | Type::Value => Err((node.mark, YamlProblem::Bare { key: at(path), text: text.to_owned() })),
    }
}

fn tagged(node: &Node, text: &str, tag: &str, path: &[String]) -> Result<Value, Problem> {
    let misfit = || (node.mark, YamlProblem::NotOfTag { key: at(path), text: text.to_owned(), tag: tag.to_owned() });
    match tag {
        "!!str" => Ok(Value::String(text.to_owned())),
        "!!null" => Ok(Value::Null),
        "!!bool" => scalar::tagged_bool(text).map(Value::Bool).ok_or_else(misfit),
        "!!int" if scalar::is_int(text) => int(node, text, path),
        "!!float" if scalar::is_float(text) || scalar::is_int(text) => float(node, text, path),
        "!!int" | "!!float" | "!!seq" | "!!map" => Err(misfit()),
        _ => Err((node.mark, unknown_tag(tag, path))),
    }
}

fn int(node: &Node, text: &str, path: &[String]) -> Result<Value, Problem> {
    let value = scalar::int(text);
    let fits = value.and_then(|value| {
        i64::try_from(value).map(Value::from).or_else(|_| u64::try_from(value).map(Value::from)).ok()
    });
    fits.ok_or_else(|| (node.mark, YamlProblem::TooLarge { key: at(path), text: text.to_owned() }))
}

fn float(node: &Node, text: &str, path: &[String]) -> Result<Value, Problem> {
    let number = scalar::float(text).and_then(serde_json::Number::from_f64);
    number
        .map(Value::Number)
        .ok_or_else(|| (node.mark, YamlProblem::NotFinite { key: at(path), text: text.to_owned() }))
}

type Pair = (Rc<Node>, Rc<Node>);

fn mapping(node: &Node, path: &mut Vec<String>) -> Result<Value, Problem> {
    let mut map = Map::new();
    for (key, node) in flat(node)? {
        let value = below(path, key.clone(), &node)?;
        map.insert(key, value);
    }
    Ok(Value::Object(map))
}

/// The pairs of a mapping: first the pairs that `<<` adds and the mapping itself lacks (the last of equal keys wins),
/// then its own pairs.
fn flat(node: &Node) -> Result<Vec<(String, Rc<Node>)>, Problem> {
    let Kind::Mapping(pairs) = &node.kind else { return Err((node.mark, YamlProblem::MergeKey)) };
    let (merges, own): (Vec<&Pair>, Vec<&Pair>) = pairs.iter().partition(|(key, _)| is_merge(key));
    let mut explicit: Vec<(String, Rc<Node>)> = Vec::new();
    let mut lines: Vec<usize> = Vec::new();
    for (key, value) in own {
        let name = key_text(key)?;
        if let Some(first) = explicit.iter().position(|(known, _)| *known == name) {
            return Err((key.mark, YamlProblem::Duplicate(name, lines[first])));
        }
        explicit.push((name, Rc::clone(value)));
        lines.push(key.mark.0);
    }
    let mut merged: Vec<(String, Rc<Node>)> = Vec::new();
    for (_, value) in merges {
        // The first mapping of a list wins.
        let sources: Vec<&Rc<Node>> = match &value.kind {
            Kind::List(items) => items.iter().rev().collect(),
            _ => vec![value],
        };
        for source in sources {
            merged.extend(flat(source)?);
        }
    }
    merged.retain(|(key, _)| !explicit.iter().any(|(own, _)| own == key));
    merged.extend(explicit);
    Ok(merged)
}

fn is_merge(key: &Node) -> bool {
    matches!(&key.kind, Kind::Scalar { text, plain: true } if key.tag.is_none() && text == "<<")
}

fn key_text(key: &Node) -> Result<String, Problem> {
    let Kind::Scalar { text, plain } = &key.kind else {
        let kind = if matches!(key.kind, Kind::List(_)) { "list" } else { "mapping" };
        return Err((key.mark, YamlProblem::ContainerKey(kind)));
    };
    let kind = match (key.tag.as_deref(), plain) {
        (Some("!!str"), _) | (None, false) => return Ok(text.clone()),
        (Some(tag), _) => return Err((key.mark, unknown_tag(tag, &[]))),
        (None, true) => scalar::type_of(text),
    };
    let kind = match kind {
        Type::String | Type::Value => return Ok(text.clone()),
        Type::Null => "null",
        Type::Bool(_) => "a boolean",
        Type::Int => "an integer",
        Type::Float => "a float",
        Type::Merge => return Err((key.mark, YamlProblem::MergeKey)),
    };
    Err((key.mark, YamlProblem::Key(text.clone(), kind)))
}
