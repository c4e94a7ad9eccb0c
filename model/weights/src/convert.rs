//! From one format into another.

use std::io;
use std::path::Path;

use crate::checkpoint::{Checkpoint, Format};
use crate::error::FileError;
use crate::stored::Stored;
use crate::tree::{Entry, Key, Leaf, Value};
use crate::write::{Item, What, write_dcp, write_pth, write_safetensors};

/// What was written.
#[derive(Debug, PartialEq, Eq)]
pub struct Converted {
    /// How many tensors.
    pub tensors: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Values that are nothing but objects of Python: they are not in what was written.
    pub left_out: Vec<String>,
    /// Whether an `iteration` was added, which a distributed checkpoint must have: the source has none.
    pub without_iteration: bool,
}

/// Whether `part` is a network of a training's state: `student`, `model_ema`, `teacher`, `gram_teacher`.
pub fn is_part(part: &str) -> bool {
    ["student", "model_ema", "teacher", "gram_teacher"].contains(&part)
}

/// Whether a name is one of a training's state: `model_ema.backbone.norm.weight`.
pub fn is_of_a_state(name: &str) -> bool {
    name.split_once('.').is_some_and(|(part, _)| is_part(part))
}

/// Writes `from` as `to`. A network (what has `teacher` or `model`, or no outer key at all) is written as the reference writes one: as `teacher`
/// into a `.pth`, as `model` beside `iteration` into a distributed checkpoint, without an outer key into safetensors. With a `part`, that network
/// of a training's state is written, and nothing else. A whole state keeps its keys.
///
/// # Errors
/// When a file cannot be read or written, or there is no such part.
pub fn convert(from: &Checkpoint, part: Option<&str>, to: &Path, format: Format) -> Result<Converted, FileError> {
    let chosen = chosen(from, part)?;
    let mut converted = Converted { tensors: 0, bytes: 0, left_out: Vec::new(), without_iteration: false };
    let mut items = Vec::with_capacity(chosen.len() + 1);
    let network = is_network(&chosen);
    for Entry { path, leaf } in &chosen {
        let path = if network { renamed(path, format) } else { path.clone() };
        let what = match leaf {
            Leaf::Value(Value::Other(class)) => {
                converted.left_out.push(format!("{}: {class}", crate::tree::joined(&path)));
                continue;
            }
            // A `.pth` and safetensors of a network have nothing beside it in the reference.
            Leaf::Value(_) if network && format != Format::Dcp => continue,
            Leaf::Value(value) => What::Value(value.clone()),
            Leaf::Tensor(stored) => {
                converted.tensors += 1;
                converted.bytes += stored.bytes();
                tensor(stored)
            }
        };
        items.push(Item { path, what });
    }
    let iteration = vec![Key::from("iteration")];
    if format == Format::Dcp && network && !items.iter().any(|item| item.path == iteration) {
        converted.without_iteration = true;
        items.insert(0, Item { path: iteration, what: What::Value(Value::Text("unknown".to_owned())) });
    }
    let written = match format {
        Format::Pth => write_pth(to, &items),
        Format::Dcp => write_dcp(to, &items),
        Format::Safetensors => write_safetensors(to, &items),
        Format::State => Err(io::Error::other("a state of `train` has random streams, which no other file has")),
    };
    written.map_err(|error| match error.downcast::<FileError>() {
        Ok(error) => error,
        Err(error) => FileError::io(to)(error),
    })?;
    Ok(converted)
}

fn tensor(stored: &Stored) -> What<'_> {
    let bytes = Box::new(move |out: &mut dyn io::Write| {
        let bytes = stored.read().map_err(io::Error::other)?;
        out.write_all(&bytes)
    });
    What::Tensor { dtype: stored.dtype, shape: stored.shape.clone(), bytes }
}

/// What is to be written.
fn chosen(from: &Checkpoint, part: Option<&str>) -> Result<Vec<Entry>, FileError> {
    let Some(part) = part else { return Ok(from.entries.clone()) };
    let mut chosen = Vec::new();
    for entry in &from.entries {
        if entry.path == [Key::from("iteration")] {
            chosen.push(entry.clone());
        }
        let name = if entry.is_below("model") { crate::tree::joined(&entry.path[1..]) } else { continue };
        if let (Some(within), Leaf::Tensor(_)) =
            (name.strip_prefix(part).and_then(|it| it.strip_prefix('.')), &entry.leaf)
        {
            chosen.push(Entry { path: vec!["model".into(), within.into()], leaf: entry.leaf.clone() });
        }
    }
    if !chosen.iter().any(|entry| entry.tensor().is_some()) {
        let reason =
            format!("it has no tensor `model.{part}.…`: it is no state of a training, or one without this network");
        return Err(FileError::invalid(&from.path, reason));
    }
    Ok(chosen)
}

/// Whether the entries are one network's: tensors alone, under one outer key or none, and values beside them.
fn is_network(entries: &[Entry]) -> bool {
    let mut tensors = entries.iter().filter(|entry| entry.tensor().is_some());
    let under = |key: &str| tensors.clone().all(|entry| entry.is_below(key));
    let flat = tensors.clone().all(|entry| entry.path.len() == 1);
    let of_a_state = |entry: &Entry| entry.path.get(1).is_some_and(|key| is_of_a_state(&key.to_string()));
    (under("teacher") || under("model") || flat) && !tensors.any(of_a_state)
}

/// The path of a network's tensor in a format.
fn renamed(path: &[Key], format: Format) -> Vec<Key> {
    let inner = match path {
        [Key::Text(root), inner @ ..] if root == "teacher" || root == "model" => inner,
        [Key::Text(name)] if name == "iteration" => return path.to_vec(),
        whole => whole,
    };
    let inner = Key::Text(crate::tree::joined(inner));
    match format {
        Format::Pth => vec!["teacher".into(), inner],
        Format::Dcp | Format::State => vec!["model".into(), inner],
        Format::Safetensors => vec![inner],
    }
}
