//! The pickle `.metadata`: an object of the class `Metadata`.

use std::collections::{HashMap, HashSet};

use crate::dtype::Dtype;
use crate::pickle::{Id, Node, Pickle};
use crate::stored::count;
use crate::tree::Key;

/// What `.metadata` says.
pub(super) struct Index<'a> {
    /// Names, keys and what is there.
    pub(super) entries: Vec<(&'a str, Vec<Key>, Described)>,
    /// File, first byte and number of bytes, by name and first element. A value's first element is none.
    pub(super) places: HashMap<(&'a str, Vec<u64>), (&'a str, u64, u64)>,
}

/// What an entry is.
pub(super) enum Described {
    Tensor { dtype: Dtype, shape: Vec<u64>, blocks: Vec<Block> },
    Value,
}

/// A block of a tensor.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) offsets: Vec<u64>,
    pub(super) sizes: Vec<u64>,
}

/// Blocks that do not lie below each other are compared in pairs: so many of them at most.
const MOST_IN_A_GRID: usize = 1024;

impl<'a> Index<'a> {
    pub(super) fn read(pickle: &Pickle<'a>) -> Result<Self, String> {
        let field = |name: &str| {
            let field = pickle.field(pickle.root, "Metadata", name);
            field.ok_or_else(|| format!("it is no index of torch.distributed.checkpoint: it has no `{name}`"))
        };
        let described =
            pickle.dict(field("state_dict_metadata")?).ok_or("its `state_dict_metadata` is no dictionary")?;
        let paths = pickle.field(pickle.root, "Metadata", "planner_data").and_then(|id| pickle.dict(id));
        let paths: HashMap<&str, Id> =
            paths.unwrap_or_default().iter().filter_map(|(name, path)| Some((pickle.text(*name)?, *path))).collect();
        let mut seen = HashSet::new();
        let mut entries = Vec::with_capacity(described.len());
        for (name, what) in described {
            let name = pickle.text(*name).ok_or("it has a name that is no text")?;
            if !seen.insert(name) {
                return Err(format!("it has `{}` twice", shortened(name)));
            }
            let wrong = |reason: String| format!("`{}`: {reason}", shortened(name));
            let path = paths.get(name).map_or(Ok(vec![name.into()]), |path| keys(pickle, *path)).map_err(wrong)?;
            entries.push((name, path, what_is(pickle, *what).map_err(wrong)?));
        }
        let places = pickle.dict(field("storage_data")?).ok_or("its `storage_data` is no dictionary")?;
        let places = places.iter().map(|(key, value)| place(pickle, *key, *value)).collect::<Option<_>>();
        Ok(Self { entries, places: places.ok_or("its `storage_data` is none of files")? })
    }
}

/// The first characters of a name.
fn shortened(name: &str) -> String {
    name.chars().take(100).collect()
}

/// The keys that a name was made of.
fn keys(pickle: &Pickle, path: Id) -> Result<Vec<Key>, String> {
    let keys = pickle.items(path).filter(|keys| (1..=32).contains(&keys.len())).ok_or("its keys are none")?;
    let length: usize = keys.iter().filter_map(|key| pickle.text(*key)).map(str::len).sum();
    if length > 4096 {
        return Err("its keys are too long".to_owned());
    }
    let key = |key: &Id| match pickle.node(*key) {
        Node::Text(text) => Ok(Key::from(*text)),
        Node::Int(number @ 0..) => Ok(Key::Index(*number as u64)),
        _ => Err("its keys are none".to_owned()),
    };
    keys.iter().map(key).collect()
}

fn what_is(pickle: &Pickle, what: Id) -> Result<Described, String> {
    const TENSOR: &str = "TensorStorageMetadata";
    match pickle.object(what) {
        Some((_, (_, "BytesStorageMetadata"))) => return Ok(Described::Value),
        Some((_, (_, TENSOR))) => {}
        _ => return Err("it is neither a tensor nor a value".to_owned()),
    }
    let shape = pickle.field(what, TENSOR, "size").and_then(|id| pickle.sizes(id)).ok_or("it has no shape")?;
    let chunks = pickle.field(what, TENSOR, "chunks").and_then(|id| pickle.items(id)).ok_or("it has no blocks")?;
    let blocks = chunks.iter().map(|chunk| block(pickle, *chunk, shape.len())).collect::<Option<Vec<_>>>();
    let blocks = blocks.ok_or("one of its blocks has no place")?;
    let dtype = pickle.field(what, TENSOR, "properties").and_then(|id| {
        let (properties, _) = pickle.object(id).filter(|(_, (_, name))| *name == "TensorProperties")?;
        pickle.global(*pickle.items(properties.state?)?.first()?)
    });
    let dtype = match dtype {
        Some(("torch", name)) => Dtype::of_name(name).ok_or_else(|| format!("it is {name}, which is not supported"))?,
        _ => return Err("it has no dtype".to_owned()),
    };
    count(&shape).and_then(|count| count.checked_mul(dtype.bytes() as u64)).ok_or("it is too large")?;
    if !tile(&shape, &blocks)? {
        return Err("its blocks do not make up the whole of it".to_owned());
    }
    Ok(Described::Tensor { dtype, shape, blocks })
}

fn block(pickle: &Pickle, chunk: Id, axes: usize) -> Option<Block> {
    let sizes = |name: &str| pickle.sizes(pickle.field(chunk, "ChunkStorageMetadata", name)?);
    let (offsets, sizes) = (sizes("offsets")?, sizes("sizes")?);
    (offsets.len() == axes && sizes.len() == axes).then_some(Block { offsets, sizes })
}

/// Whether blocks make up the whole of a tensor, each element once.
fn tile(shape: &[u64], blocks: &[Block]) -> Result<bool, String> {
    let inside = |block: &Block| {
        let mut axes = block.offsets.iter().zip(&block.sizes).zip(shape);
        axes.all(|((offset, size), whole)| offset.checked_add(*size).is_some_and(|end| end <= *whole))
    };
    if !blocks.iter().all(inside) {
        return Ok(false);
    }
    let filled: Vec<&Block> = blocks.iter().filter(|block| !block.sizes.contains(&0)).collect();
    let elements = filled.iter().try_fold(0_u64, |sum, block| sum.checked_add(count(&block.sizes)?));
    if elements != count(shape) {
        return Ok(false);
    }
    if filled.iter().all(|block| block.sizes.get(1..) == shape.get(1..)) {
        let mut rows: Vec<(u64, u64)> =
            filled.iter().filter_map(|block| Some((*block.offsets.first()?, *block.sizes.first()?))).collect();
        rows.sort_unstable();
        return Ok(rows.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
    }
    if filled.len() > MOST_IN_A_GRID {
        return Err(format!("it is in {} blocks that are no rows", filled.len()));
    }
    let apart = |one: &Block, other: &Block| {
        let axes = one.offsets.iter().zip(&one.sizes).zip(other.offsets.iter().zip(&other.sizes));
        axes.into_iter().any(|((a, n), (b, m))| a + n <= *b || b + m <= *a)
    };
    Ok(filled.iter().enumerate().all(|(i, one)| filled[..i].iter().all(|other| apart(one, other))))
}

type Placed<'a> = ((&'a str, Vec<u64>), (&'a str, u64, u64));

/// An entry of `storage_data`: a `MetadataIndex` and a `_StorageInfo`.
fn place<'a>(pickle: &Pickle<'a>, key: Id, value: Id) -> Option<Placed<'a>> {
    let of_key = |name: &str| pickle.field(key, "MetadataIndex", name);
    let of_value = |name: &str| pickle.field(value, "_StorageInfo", name);
    let name = pickle.text(of_key("fqn")?)?;
    let offsets = match of_key("offset") {
        Some(id) if *pickle.node(id) != Node::None => pickle.sizes(id)?,
        _ => Vec::new(),
    };
    let number = |id: Id| u64::try_from(pickle.int(id)?).ok();
    let file = pickle.text(of_value("relative_path")?)?;
    Some(((name, offsets), (file, number(of_value("offset")?)?, number(of_value("length")?)?)))
}
