//! What a checkpoint holds: tensors and values, each at a path of keys.

use std::fmt;

use crate::pickle::{Id, Node, Pickle};
use crate::stored::Stored;

/// A key of a dictionary, or the number of an item of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A key.
    Text(String),
    /// A number.
    Index(u64),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Index(number) => write!(f, "{number}"),
        }
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A tensor or a value, and where it is.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The keys, from the outermost dictionary on.
    pub path: Vec<Key>,
    /// What is there.
    pub leaf: Leaf,
}

impl Entry {
    /// The keys with points between them, as `torch.distributed.checkpoint` joins them.
    pub fn name(&self) -> String {
        joined(&self.path)
    }
}

/// Keys with points between them.
pub(crate) fn joined(path: &[Key]) -> String {
    path.iter().map(Key::to_string).collect::<Vec<_>>().join(".")
}

/// A tensor or a value.
#[derive(Clone, Debug)]
pub enum Leaf {
    /// A tensor.
    Tensor(Stored),
    /// Anything else.
    Value(Value),
}

/// A value of Python.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A tuple, or a `torch.Size`.
    Tuple(Vec<Value>),
    /// An empty dictionary.
    Empty,
    /// Something else, by the name of its class.
    Other(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = |items: &[Self]| items.iter().map(Self::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List(items) => write!(f, "[{}]", all(items)),
            Self::Tuple(items) => write!(f, "({})", all(items)),
            Self::Empty => f.write_str("{}"),
            Self::Other(class) => write!(f, "<{class}>"),
        }
    }
}

/// The most dictionaries and lists within each other: a training's state has five.
const DEEPEST: usize = 32;

/// A bound on what is made of a pickle's values: values that are referred to many times are copied many times.
pub(crate) struct Budget(usize);

impl Budget {
    /// For a pickle of so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(4096 + 16 * bytes)
    }

    fn spend(&mut self, bytes: usize) -> Result<(), String> {
        self.0 = self.0.checked_sub(bytes).ok_or("its pickle says the same too often")?;
        Ok(())
    }
}

/// The entries of a pickle's root: dictionaries are walked through, and so are lists that hold dictionaries or tensors. `leaf` makes an entry of a
/// node that is a tensor.
pub(crate) fn entries(
    pickle: &Pickle,
    budget: &mut Budget,
    tensor: &mut dyn FnMut(Id) -> Result<Option<Stored>, String>,
) -> Result<Vec<Entry>, String> {
    let mut walk = Walk { pickle, budget, tensor, entries: Vec::new() };
    walk.at(pickle.root, &mut Vec::new())?;
    Ok(walk.entries)
}

struct Walk<'a, 'b> {
    pickle: &'a Pickle<'b>,
    budget: &'a mut Budget,
    tensor: &'a mut dyn FnMut(Id) -> Result<Option<Stored>, String>,
    entries: Vec<Entry>,
}

impl Walk<'_, '_> {
    fn at(&mut self, id: Id, path: &mut Vec<Key>) -> Result<(), String> {
        if path.len() > DEEPEST {
            return Err(format!("its pickle has more than {DEEPEST} things within each other"));
        }
        if let Some(entries) = self.pickle.dict(id)
            && !entries.is_empty()
        {
            for (key, value) in entries {
                let key = match self.pickle.node(*key) {
                    Node::Text(text) => Key::Text((*text).to_owned()),
                    Node::Int(number @ 0..) => Key::Index(*number as u64),
                    other => return Err(format!("it has a key that is no text: {}", kind(self.pickle, other))),
                };
                self.within(key, *value, path)?;
            }
            return Ok(());
        }
        if let Node::List(items) = self.pickle.node(id)
            && self.has_more(items, 0)?
        {
            for (i, item) in items.iter().enumerate() {
                self.within(Key::Index(i as u64), *item, path)?;
            }
            return Ok(());
        }
        self.budget.spend(64 + path.iter().map(|key| key.to_string().len() + 32).sum::<usize>())?;
        let leaf = match (self.tensor)(id).map_err(|error| format!("`{}`: {error}", joined(path)))? {
            Some(tensor) => Leaf::Tensor(tensor),
            None => Leaf::Value(value(self.pickle, id, self.budget, 0)?),
        };
        self.entries.push(Entry { path: path.clone(), leaf });
        Ok(())
    }

    fn within(&mut self, key: Key, id: Id, path: &mut Vec<Key>) -> Result<(), String> {
        self.budget.spend(8)?;
        path.push(key);
        self.at(id, path)?;
        path.pop();
        Ok(())
    }

    /// Whether a list holds a dictionary or a tensor.
    fn has_more(&mut self, items: &[Id], depth: usize) -> Result<bool, String> {
        for item in items {
            self.budget.spend(1)?;
            let more = match self.pickle.node(*item) {
                Node::List(items) if depth < DEEPEST => self.has_more(items, depth + 1)?,
                Node::Dict(_) => true,
                Node::Object(_) => self.pickle.dict(*item).is_some() || (self.tensor)(*item)?.is_some(),
                _ => false,
            };
            if more {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A node as a value.
pub(crate) fn value(pickle: &Pickle, id: Id, budget: &mut Budget, depth: usize) -> Result<Value, String> {
    if depth > DEEPEST {
        return Err(format!("its pickle has more than {DEEPEST} things within each other"));
    }
    budget.spend(16)?;
    let mut all =
        |items: &[Id]| items.iter().map(|item| value(pickle, *item, budget, depth + 1)).collect::<Result<Vec<_>, _>>();
    Ok(match pickle.node(id) {
        Node::None => Value::None,
        Node::Bool(truth) => Value::Bool(*truth),
        Node::Int(number) => Value::Int(*number),
        Node::Float(number) => Value::Float(*number),
        Node::Text(text) => {
            budget.spend(text.len())?;
            Value::Text((*text).to_owned())
        }
        Node::List(items) => Value::List(all(items)?),
        Node::Tuple(items) => Value::Tuple(all(items)?),
        Node::Dict(items) if items.is_empty() => Value::Empty,
        other => {
            let kind = kind(pickle, other);
            budget.spend(kind.len())?;
            Value::Other(kind)
        }
    })
}

/// What a node is, for people.
pub(crate) fn kind(pickle: &Pickle, node: &Node) -> String {
    let short = |module: &str, name: &str| format!("{module}.{name}").chars().take(80).collect();
    match node {
        Node::None => "None".to_owned(),
        Node::Bool(_) => "a truth value".to_owned(),
        Node::Int(_) | Node::Float(_) => "a number".to_owned(),
        Node::Text(_) => "a text".to_owned(),
        Node::Bytes(_) => "bytes".to_owned(),
        Node::Global(module, name) => short(module, name),
        Node::Tuple(_) => "a tuple".to_owned(),
        Node::List(_) => "a list".to_owned(),
        Node::Dict(_) => "a dictionary".to_owned(),
        Node::Object(object) => match pickle.global(object.class) {
            Some(("torch._utils" | "torch._tensor", "_rebuild_from_type_v2")) => {
                "a tensor of a class of its own".to_owned()
            }
            Some((module, name)) => short(module, name),
            None => "an object".to_owned(),
        },
        Node::Outside(_) => "a storage".to_owned(),
        Node::Other => "something else".to_owned(),
    }
}
