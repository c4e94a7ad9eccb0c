//! Python's pickles, as a graph of values. Nothing that a pickle names is called.
//!
//! The graph's nodes lie in one list and refer to each other by number. A pickle that refers to one value a thousand times makes one node, and a
//! pickle of so many bytes makes no more nodes than it has bytes.

mod machine;
mod write;

pub(crate) use write::Writer;

/// The number of a node.
pub(crate) type Id = u32;

/// A value. Texts and bytes are the pickle's own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node<'a> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// A function or a class: module and name.
    Global(&'a str, &'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// The result of a call that was not made.
    Object(Box<Object>),
    /// What stands outside of the pickle, by its name there.
    Outside(Id),
    /// Anything else: a set, a number of more than 64 bits.
    Other,
}

/// The result of a call that was not made: `class(*arguments)`, what was put into it as into a dictionary, and its state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object {
    pub(crate) class: Id,
    pub(crate) arguments: Id,
    pub(crate) items: Vec<(Id, Id)>,
    pub(crate) state: Option<Id>,
}

/// A pickle's values.
#[derive(Debug)]
pub(crate) struct Pickle<'a> {
    nodes: Vec<Node<'a>>,
    pub(crate) root: Id,
}

impl<'a> Pickle<'a> {
    /// Reads a pickle of protocol 2 to 5.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let (nodes, root) = machine::run(bytes)?;
        Ok(Self { nodes, root })
    }

    pub(crate) fn node(&self, id: Id) -> &Node<'a> {
        &self.nodes[id as usize]
    }

    pub(crate) fn text(&self, id: Id) -> Option<&'a str> {
        if let Node::Text(text) = self.node(id) { Some(text) } else { None }
    }

    pub(crate) fn int(&self, id: Id) -> Option<i64> {
        if let Node::Int(number) = self.node(id) { Some(*number) } else { None }
    }

    pub(crate) fn items(&self, id: Id) -> Option<&[Id]> {
        if let Node::Tuple(items) | Node::List(items) = self.node(id) { Some(items) } else { None }
    }

    /// Module and name of a function or a class.
    pub(crate) fn global(&self, id: Id) -> Option<(&'a str, &'a str)> {
        if let Node::Global(module, name) = self.node(id) { Some((module, name)) } else { None }
    }

    /// An object and its class.
    pub(crate) fn object(&self, id: Id) -> Option<(&Object, (&'a str, &'a str))> {
        let Node::Object(object) = self.node(id) else { return None };
        Some((object, self.global(object.class)?))
    }

    /// The entries of a dictionary, or of an `OrderedDict`.
    pub(crate) fn dict(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.node(id) {
            Node::Dict(entries) => Some(entries),
            Node::Object(object) if self.global(object.class) == Some(("collections", "OrderedDict")) => {
                Some(&object.items)
            }
            _ => None,
        }
    }

    /// A field of an object of a class `name`, whatever its module.
    pub(crate) fn field(&self, id: Id, class: &str, field: &str) -> Option<Id> {
        let (object, (_, name)) = self.object(id)?;
        let state = self.dict(object.state?).filter(|_| name == class)?;
        state.iter().find(|(key, _)| self.text(*key) == Some(field)).map(|(_, value)| *value)
    }

    /// A tuple of sizes, or `torch.Size`, of at most [`MOST_AXES`].
    pub(crate) fn sizes(&self, id: Id) -> Option<Vec<u64>> {
        let items = match self.object(id) {
            Some((size, ("torch", "Size"))) => self.items(*self.items(size.arguments)?.first()?)?,
            _ => self.items(id)?,
        };
        if items.len() > MOST_AXES {
            return None;
        }
        items.iter().map(|item| u64::try_from(self.int(*item)?).ok()).collect()
    }
}

/// The most axes of a tensor, as in torch.
const MOST_AXES: usize = 64;

#[cfg(test)]
mod tests;
