//! A file or folder of weights, opened.

use std::fmt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::dcp;
use crate::error::FileError;
use crate::file::Source;
use crate::pth;
use crate::safe;
use crate::state;
use crate::stored::Stored;
use crate::tree::{Entry, Key, Leaf, Value, joined};

/// A format of files of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// What `torch.save` writes.
    Pth,
    /// What `torch.distributed.checkpoint.save` writes.
    Dcp,
    /// safetensors.
    Safetensors,
    /// A checkpoint of our own trainer.
    State,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pth => "torch.save",
            Self::Dcp => "torch.distributed.checkpoint",
            Self::Safetensors => "safetensors",
            Self::State => "checkpoint of `train`",
        })
    }
}

/// The keys that a network's weights are under, in a `.pth`: the reference's own export, or what `dcp_to_torch` makes of a sharded one.
const NETWORKS: [&str; 2] = ["teacher", "model"];

/// How many names an error lists.
const NAMED: usize = 5;

/// A checkpoint: what is in it is known, no tensor has been read.
#[derive(Debug)]
pub struct Checkpoint {
    /// Where it is.
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
    /// What is in it, in its order.
    pub entries: Vec<Entry>,
}

impl Checkpoint {
    /// Opens a file or a folder, whose content says what it is.
    ///
    /// # Errors
    /// When it cannot be read, or is no checkpoint.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let (format, entries) = if path.is_dir() { Self::folder(path)? } else { Self::file(path)? };
        let bytes = entries.iter().filter_map(|entry| entry.tensor().map(Stored::bytes));
        let claimed = bytes.fold(0_u64, u64::saturating_add);
        let checkpoint = Self { path: path.to_owned(), format, entries };
        let held = checkpoint.held();
        // Weights that two names share are in the file once.
        if claimed > MOST_SHARED * held {
            let reason = format!("its tensors have {claimed} bytes, and its files have {held}");
            return Err(FileError::invalid(path, reason));
        }
        Ok(checkpoint)
    }

    fn folder(path: &Path) -> Result<(Format, Vec<Entry>), FileError> {
        if path.join(dcp::METADATA).is_file() {
            return Ok((Format::Dcp, dcp::open(path)?));
        }
        if path.join(state::MANIFEST).is_file() {
            return Ok((Format::State, state::open(path)?));
        }
        let neither = format!("it is a folder without `{}` and without `{}`", dcp::METADATA, state::MANIFEST);
        Err(FileError::invalid(path, neither))
    }

    fn file(path: &Path) -> Result<(Format, Vec<Entry>), FileError> {
        let source = Source::open(path)?;
        let mut begin = [0; 4];
        let length = source.length.min(begin.len() as u64) as usize;
        source.read_at(0, &mut begin[..length])?;
        if begin.starts_with(b"PK") {
            return Ok((Format::Pth, pth::open(&source)?));
        }
        if path.extension().is_some_and(|ending| ending == "safetensors") {
            return Ok((Format::Safetensors, safe::open(&source)?.0));
        }
        let reason = match begin {
            [0x80, 2, 0x8a, 0x0a] => "it is of torch's format before 1.6; load and save it again with a later torch",
            _ => {
                "it is no file that `torch.save` of torch 1.6 or later writes, and its name does not end in `.safetensors`"
            }
        };
        Err(FileError::invalid(path, reason))
    }

    /// The bytes of the files that tensors lie in.
    fn held(&self) -> u64 {
        let mut files: Vec<(&Path, u64)> =
            self.entries.iter().filter_map(Entry::tensor).flat_map(Stored::files).collect();
        files.sort_unstable();
        files.dedup();
        files.iter().map(|(_, length)| length).sum()
    }

    /// The value at a path of one key.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find_map(|entry| match (&entry.path[..], &entry.leaf) {
            ([Key::Text(name)], Leaf::Value(value)) if name == key => Some(value),
            _ => None,
        })
    }

    /// The tensors of a network, with names within it (`backbone.norm.weight`): what the reference reads where its config names a checkpoint. In
    /// a `.pth` they are under `teacher` or `model`, in a distributed checkpoint under `model`, and safetensors have no outer key.
    ///
    /// # Errors
    /// When there are none.
    pub fn network(&self) -> Result<Vec<(String, &Stored)>, FileError> {
        let root = match self.format {
            Format::Safetensors => None,
            Format::Dcp | Format::State => Some("model"),
            Format::Pth => {
                let has = |key: &&&str| self.entries.iter().any(|entry| entry.is_below(key));
                Some(*NETWORKS.iter().find(has).unwrap_or(&NETWORKS[0]))
            }
        };
        let mut tensors = Vec::new();
        for entry in self.entries.iter().filter(|entry| root.is_none_or(|root| entry.is_below(root))) {
            let name = joined(&entry.path[usize::from(root.is_some())..]);
            match &entry.leaf {
                Leaf::Tensor(stored) => tensors.push((name, stored)),
                Leaf::Value(value) => {
                    let reason = format!("`{name}` is {value} and no tensor");
                    return Err(FileError::invalid(&self.path, reason));
                }
            }
        }
        match (tensors.is_empty(), root) {
            (true, Some(root)) => {
                let reason = format!("it has no `{root}`: it has {}", self.roots());
                Err(FileError::invalid(&self.path, reason))
            }
            _ => Ok(tensors),
        }
    }

    /// The outermost keys, for people.
    fn roots(&self) -> String {
        let mut roots: Vec<String> = Vec::new();
        for root in self.entries.iter().filter_map(|entry| entry.path.first()) {
            let root = format!("`{root}`");
            if !roots.contains(&root) && roots.len() <= NAMED {
                roots.push(root);
            }
        }
        if roots.is_empty() { "nothing".to_owned() } else { roots.join(", ") }
    }

    /// Reads tensors by all threads, and makes something of each.
    ///
    /// # Errors
    /// The first error of a file.
    pub fn read_all<T: Send, E: From<FileError> + Send>(
        tensors: &[(String, &Stored)],
        make: impl Fn(&str, &Stored, Vec<u8>) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, E> {
        tensors.par_iter().map(|(name, stored)| make(name, stored, stored.read()?)).collect()
    }
}

/// So many names may share a tensor.
const MOST_SHARED: u64 = 4;

impl Entry {
    /// The tensor, if it is one.
    pub fn tensor(&self) -> Option<&Stored> {
        if let Leaf::Tensor(stored) = &self.leaf { Some(stored) } else { None }
    }

    /// Whether it is in the outermost dictionary's `key`, and that is a dictionary.
    pub(crate) fn is_below(&self, key: &str) -> bool {
        self.path.len() > 1 && matches!(&self.path[0], Key::Text(root) if root == key)
    }
}
