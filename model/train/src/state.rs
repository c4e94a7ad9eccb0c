//! What lasts between two steps, as data: named tensors and a small document.
//!
//! Everything that lasts is [`Stateful`]: the trainer, the loader, the meters, a run. Saving copies it into a [`State`], which is then a
//! thing of its own: it stays in memory, or goes to disk ([`crate::checkpoint`]), whole or one file a rank. Loading asks a state for what
//! is wanted, wherever it comes from, and takes all of it or nothing.

mod config;
mod error;
mod piece;

use std::collections::BTreeMap;

use dinov3_ground::hex;
use dinov3_torch::bytes::with_bytes;
use dinov3_torch::device::{Device, HOST, host};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

pub(crate) use config::{Leaves, differences, leaves};
pub use error::StateError;
pub(crate) use piece::{Data, InFile, Piece};

/// Values under their names.
pub type Document = BTreeMap<String, Value>;

/// Something that lasts between two steps.
pub trait Stateful {
    /// Copies everything that lasts into `state`, tensors to the host. What is copied does not change when training goes on.
    fn save(&self, state: &mut State);

    /// Checks that `state` has everything that this needs, and that it fits. Nothing is changed until the result is called, which cannot
    /// fail. With several ranks every rank calls both.
    ///
    /// What each rank has of its own (the random stream of the host, the loader's position) is taken if the state is one of as many ranks;
    /// otherwise it stays as it is.
    ///
    /// # Errors
    /// The first thing that is missing or does not fit.
    fn fit<'a>(&'a mut self, state: &State) -> Result<Taking<'a>, StateError>;

    /// Takes `state`.
    ///
    /// # Errors
    /// As [`Stateful::fit`]; nothing is changed then.
    fn load(&mut self, state: &State) -> Result<(), StateError> {
        self.fit(state)?();
        Ok(())
    }
}

/// Takes what was found to fit.
pub type Taking<'a> = Box<dyn FnOnce() + 'a>;

/// What ranks have of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Share {
    /// Each rank has some of its rows.
    Rows,
    /// Each rank has all of it, with the same values.
    Same,
    /// Each rank has another one.
    Own,
}

/// A tensor, or the rows of it that are here.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) share: Share,
    pub(crate) kind: Kind,
    /// The shape of the whole.
    pub(crate) shape: Vec<i64>,
    /// By first row.
    pub(crate) pieces: Vec<Piece>,
}

/// A state: of one rank in memory, of all ranks from disk.
#[derive(Debug)]
pub struct State {
    rank: usize,
    world: usize,
    pub(crate) tensors: BTreeMap<String, Stored>,
    pub(crate) document: Document,
    /// The values that each rank has of its own, by rank: in memory this rank's alone.
    pub(crate) own: BTreeMap<usize, Document>,
}

impl State {
    /// Nothing yet, of `rank` of `world` ranks.
    pub fn new(rank: usize, world: usize) -> Self {
        let own = BTreeMap::from([(rank, Document::new())]);
        Self { rank, world, tensors: BTreeMap::new(), document: Document::new(), own }
    }

    /// Everything that lasts of `what`.
    pub fn of(what: &dyn Stateful, rank: usize, world: usize) -> Self {
        let mut state = Self::new(rank, world);
        what.save(&mut state);
        state
    }

    /// Whole tensors from elsewhere, under their names, and nothing else.
    pub fn of_tensors(tensors: impl IntoIterator<Item = (String, Tensor)>) -> Self {
        let mut state = Self::new(0, 1);
        for (name, tensor) in tensors {
            let (kind, shape) = (tensor.kind(), tensor.size());
            let piece = Piece { first: 0, rows: shape.first().copied().unwrap_or(1), data: Data::Here(tensor) };
            state.tensors.insert(name, Stored { share: Share::Same, kind, shape, pieces: vec![piece] });
        }
        state
    }

    /// The rank that the state is for.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many ranks it was saved from.
    pub fn world(&self) -> usize {
        self.world
    }

    /// The names of all tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The SHA-256 of each tensor's bits, as far as its rows are here, and each value as text, by name: equal states have equal ones.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn digests(&self) -> Result<BTreeMap<String, String>, StateError> {
        let mut digests = BTreeMap::new();
        for (name, stored) in &self.tensors {
            let mut hash = Sha256::new();
            for piece in &stored.pieces {
                let rows = piece.read(name, 0, piece.rows)?;
                with_bytes(&rows, |_, _, bytes| hash.update(bytes));
            }
            digests.insert(name.clone(), hex(&hash.finalize()));
        }
        digests.extend(self.document.iter().map(|(key, value)| (key.clone(), value.to_string())));
        for (rank, own) in &self.own {
            digests.extend(own.iter().map(|(key, value)| (format!("{key} of rank {rank}"), value.to_string())));
        }
        Ok(digests)
    }

    /// One SHA-256 over the tensors that `named` gives a name, ordered by these names as bytes: of each its name in UTF-8, a zero byte, and
    /// its elements as they are stored, row-major, little-endian.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn fingerprint(&self, named: impl Fn(&str) -> Option<String>) -> Result<String, StateError> {
        let named: BTreeMap<String, (&String, &Stored)> =
            self.tensors.iter().filter_map(|(name, stored)| Some((named(name)?, (name, stored)))).collect();
        let mut hash = Sha256::new();
        for (shown, (name, stored)) in named {
            hash.update(shown.as_bytes());
            hash.update([0]);
            for piece in &stored.pieces {
                with_bytes(&piece.read(name, 0, piece.rows)?, |_, _, bytes| hash.update(bytes));
            }
        }
        Ok(hex(&hash.finalize()))
    }

    /// Whether a tensor whose name `counts` has an element here that is not a number.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn has_nan(&self, counts: impl Fn(&str) -> bool) -> Result<bool, StateError> {
        for (name, stored) in self.tensors.iter().filter(|(name, _)| counts(name)) {
            for piece in &stored.pieces {
                if piece.read(name, 0, piece.rows)?.isnan().any().int64_value(&[]) != 0 {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Leaves out the tensors and values whose name `drops`.
    pub fn remove(&mut self, mut drops: impl FnMut(&str) -> bool) {
        self.tensors.retain(|name, _| !drops(name));
        self.document.retain(|key, _| !drops(key));
        self.own.values_mut().for_each(|document| document.retain(|key, _| !drops(key)));
    }

    /// Puts in a copy of this rank's `rows` of a tensor of shape `whole`, which begin at row `first`.
    pub fn put_rows(&mut self, name: impl Into<String>, rows: &Tensor, whole: Vec<i64>, first: i64) {
        self.insert(name.into(), rows, whole, first, Share::Rows);
    }

    /// Puts in a copy of a tensor that every rank has. It has a dimension at least.
    pub fn put_same(&mut self, name: impl Into<String>, tensor: &Tensor) {
        self.insert(name.into(), tensor, tensor.size(), 0, Share::Same);
    }

    /// Puts in a copy of a tensor that this rank has of its own: `[n]`, where n may differ between ranks.
    pub fn put_own(&mut self, name: impl Into<String>, tensor: &Tensor) {
        self.insert(name.into(), tensor, tensor.size(), 0, Share::Own);
    }

    fn insert(&mut self, name: String, tensor: &Tensor, shape: Vec<i64>, first: i64, share: Share) {
        let here = host(&tensor.detach());
        let here = if Device::of(tensor) == Device::Cpu { here.copy() } else { here }.contiguous();
        let piece = Piece { first, rows: here.size()[0], data: Data::Here(here) };
        let before =
            self.tensors.insert(name.clone(), Stored { share, kind: tensor.kind(), shape, pieces: vec![piece] });
        assert!(before.is_none(), "`{name}` stands twice in a state");
    }

    /// Puts in a value that every rank has.
    pub fn put(&mut self, key: impl Into<String>, value: impl Serialize) {
        self.document.insert(key.into(), json(value));
    }

    /// Puts in a value that this rank has of its own.
    pub fn put_own_value(&mut self, key: impl Into<String>, value: impl Serialize) {
        self.own.entry(self.rank).or_default().insert(key.into(), json(value));
    }

    /// `count` rows from `first` on of the tensor `name`, which is to be of shape `whole`, and of `kind` or narrower. `[count, …]`, on the
    /// host.
    ///
    /// # Errors
    /// When there is no such tensor, when it is another one, or when rows are missing.
    pub fn rows(&self, name: &str, kind: Kind, whole: &[i64], first: i64, count: i64) -> Result<Tensor, StateError> {
        let stored = self.stored(name)?;
        stored.fits(name, kind, whole)?;
        let (mut at, end, mut parts) = (first, first + count, Vec::new());
        for piece in &stored.pieces {
            if at < end && (piece.first..piece.first + piece.rows).contains(&at) {
                let rows = (piece.first + piece.rows).min(end) - at;
                parts.push(piece.read(name, at - piece.first, rows)?);
                at += rows;
            }
        }
        match parts.len() {
            _ if at < end => Err(StateError::Rows { name: name.to_owned(), first: at, end }),
            0 => {
                let shape: Vec<i64> = std::iter::once(0).chain(whole[1..].iter().copied()).collect();
                Ok(Tensor::zeros(shape, (stored.kind, HOST)))
            }
            1 => Ok(parts.remove(0)),
            _ => Ok(Tensor::cat(&parts, 0)),
        }
    }

    /// All of the tensor `name`, of `kind`, of whatever shape.
    ///
    /// # Errors
    /// As [`State::rows`].
    pub fn tensor(&self, name: &str, kind: Kind) -> Result<Tensor, StateError> {
        let shape = self.stored(name)?.shape.clone();
        self.rows(name, kind, &shape, 0, shape[0])
    }

    /// All of the tensor `name` that this rank has of its own; `None` if the state is one of another number of ranks than `world`.
    ///
    /// # Errors
    /// As [`State::rows`].
    pub fn own_tensor(&self, name: &str, kind: Kind, world: usize) -> Result<Option<Tensor>, StateError> {
        if self.world == world { self.tensor(name, kind).map(Some) } else { Ok(None) }
    }

    /// The value `key`.
    ///
    /// # Errors
    /// When there is none, or it is something else.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<T, StateError> {
        value(&self.document, key)
    }

    /// The value `key` that this rank has of its own; `None` if the state is one of another number of ranks than `world`.
    ///
    /// # Errors
    /// As [`State::get`].
    pub fn get_own<T: DeserializeOwned>(&self, key: &str, world: usize) -> Result<Option<T>, StateError> {
        if self.world != world {
            return Ok(None);
        }
        let own = self.own.get(&self.rank).ok_or_else(|| StateError::Missing(key.to_owned()))?;
        value(own, key).map(Some)
    }

    /// The value `key` of each rank that the state has values of.
    ///
    /// # Errors
    /// As [`State::get`].
    pub fn get_of_all<T: DeserializeOwned>(&self, key: &str) -> Result<Vec<T>, StateError> {
        self.own.values().map(|own| value(own, key)).collect()
    }

    fn stored(&self, name: &str) -> Result<&Stored, StateError> {
        self.tensors.get(name).ok_or_else(|| StateError::Missing(name.to_owned()))
    }
}

impl Stored {
    /// In float64 a trainer takes what was recorded in fp32, widened.
    fn fits(&self, name: &str, kind: Kind, whole: &[i64]) -> Result<(), StateError> {
        let widened = self.kind == Kind::Float && kind == Kind::Double;
        if self.kind != kind && !widened {
            return Err(StateError::Kind { name: name.to_owned(), found: self.kind, expected: kind });
        }
        if self.shape != whole {
            let (found, expected) = (self.shape.clone(), whole.to_vec());
            return Err(StateError::Shape { name: name.to_owned(), found, expected });
        }
        Ok(())
    }
}

fn json(value: impl Serialize) -> Value {
    serde_json::to_value(value).expect("a number, a list or a struct of these")
}

fn value<T: DeserializeOwned>(document: &Document, key: &str) -> Result<T, StateError> {
    let value = document.get(key).ok_or_else(|| StateError::Missing(key.to_owned()))?;
    T::deserialize(value).map_err(|error| StateError::Value { key: key.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests;
