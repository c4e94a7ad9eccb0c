//! Weights on disk, under the names of the reference's `state_dict`. The formats are those of [`dinov3_weights`].

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use dinov3_ground::atomic::write_file;
use dinov3_ground::{Hint, Hints};
use dinov3_weights::{Checkpoint, Dtype as OnDisk, FileError, Item, Stored, Value, What, write_dcp, write_pth};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, View};
use tch::{Kind, Tensor, no_grad};
use thiserror::Error;

use dinov3_torch::bytes::{copied, with_bytes};
use dinov3_vit::module::Module;

use crate::checkpoint::dtype;

/// The reason why weights could not be read or written.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// The file cannot be read, or is no checkpoint.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file system refused a write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The tensors make no safetensors file.
    #[error("{} cannot be written: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: SafeTensorError,
    },
    /// The file lacks tensors of the model, or has others. Both lists are complete.
    #[error("{} does not fit the model: {}; {}", path.display(), counted("missing", missing), counted("unexpected", unexpected))]
    Keys {
        /// The file.
        path: PathBuf,
        /// The tensors that only the model has.
        missing: Vec<String>,
        /// The tensors that only the file has.
        unexpected: Vec<String>,
    },
    /// A tensor of another shape.
    #[error("`{name}` is {found} in the file and {expected} in the model")]
    Differs {
        /// The tensor.
        name: String,
        /// Dtype and shape in the file.
        found: String,
        /// Dtype and shape in the model.
        expected: String,
    },
}

impl Hint for WeightsError {
    fn hints(&self) -> Hints {
        match self {
            Self::File(error) => error.hints(),
            Self::Keys { unexpected, .. } if unexpected.iter().any(|name| dinov3_weights::is_of_a_state(name)) => {
                "it is the state of a whole training; `dinov3-harness checkpoint convert FILE TO --part model_ema` writes \
                 the average's weights alone"
                    .into()
            }
            Self::Keys { .. } | Self::Differs { .. } => {
                "`dinov3-harness checkpoint show FILE --tensors` lists what it has; the network of the config must be the \
                 one that was saved"
                    .into()
            }
            Self::Io { .. } | Self::Format { .. } => Hints::none(),
        }
    }
}

/// The most names that an error lists of each kind.
const NAMED: usize = 5;

/// `missing 2 tensors (a, b)`.
fn counted(what: &str, names: &[String]) -> String {
    let some = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => format!("no tensor is {what}"),
        1 => format!("1 tensor is {what} ({some})"),
        count if count > NAMED => format!("{count} tensors are {what} ({some}, …)"),
        count => format!("{count} tensors are {what} ({some})"),
    }
}

/// Writes every tensor of `module` to `path`, whole or not at all, with the permissions of the umask. Names in the file are relative to
/// `root`: `student.backbone` for the names of a backbone (`blocks.0.norm1.weight`), empty for full names.
///
/// # Errors
/// If the file cannot be written. An existing file then stays as it was.
pub fn save(module: &impl Module, root: &str, path: &Path) -> Result<(), WeightsError> {
    let state: Vec<(String, Tensor)> =
        module.state_dict().into_iter().map(|(name, _, tensor)| (within(root, name), tensor)).collect();
    save_tensors(path, &state, None)
}

/// Writes `tensors` of any dtype as safetensors with this metadata, likewise.
///
/// # Errors
/// As [`save`].
pub fn save_tensors(
    path: &Path,
    tensors: &[(String, Tensor)],
    metadata: Option<HashMap<String, String>>,
) -> Result<(), WeightsError> {
    let named = tensors.iter().map(|(name, tensor)| (name, Saved::of(tensor)));
    // `serialize_to_file` would make a file that its owner alone may read.
    let bytes = safetensors::serialize(named, metadata);
    let bytes = bytes.map_err(|source| WeightsError::Format { path: path.to_owned(), source })?;
    write_file(path, |out| out.write_all(&bytes)).map_err(|source| WeightsError::Io { path: path.to_owned(), source })
}

/// Writes `tensors` as `torch.save({key: OrderedDict(tensors)}, path)` does, whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn save_pth(path: &Path, key: &str, tensors: &[(String, Tensor)]) -> Result<(), WeightsError> {
    write_pth(path, &items(key, tensors)).map_err(|source| WeightsError::Io { path: path.to_owned(), source })
}

/// Writes `tensors` as `save_checkpoint` of `dinov3/checkpointer` saves a network beside `iteration`: a folder of `torch.distributed.checkpoint`,
/// in place of one that is there, whole or not at all.
///
/// # Errors
/// When the folder cannot be written.
pub fn save_dcp(path: &Path, iteration: &str, tensors: &[(String, Tensor)]) -> Result<(), WeightsError> {
    let iteration = What::Value(Value::Text(iteration.to_owned()));
    let mut all = vec![Item { path: vec!["iteration".into()], what: iteration }];
    all.extend(items("model", tensors));
    write_dcp(path, &all).map_err(|source| WeightsError::Io { path: path.to_owned(), source })
}

/// The tensors, under a key. Each is brought to the host when it is written.
fn items<'a>(key: &str, tensors: &'a [(String, Tensor)]) -> Vec<Item<'a>> {
    let item = |(name, tensor): &'a (String, Tensor)| {
        let shape = tensor.size().into_iter().map(|size| size as u64).collect();
        let bytes = Box::new(|out: &mut dyn std::io::Write| with_bytes(tensor, |_, _, bytes| out.write_all(bytes)));
        let what = What::Tensor { dtype: on_disk(tensor.kind()), shape, bytes };
        Item { path: vec![key.into(), name.as_str().into()], what }
    };
    tensors.iter().map(item).collect()
}

/// The dtypes, here and on disk.
const DTYPES: [(Kind, OnDisk); 10] = [
    (Kind::Float, OnDisk::Float),
    (Kind::Double, OnDisk::Double),
    (Kind::Half, OnDisk::Half),
    (Kind::BFloat16, OnDisk::BFloat16),
    (Kind::Int64, OnDisk::Int64),
    (Kind::Int, OnDisk::Int),
    (Kind::Int16, OnDisk::Int16),
    (Kind::Int8, OnDisk::Int8),
    (Kind::Uint8, OnDisk::Uint8),
    (Kind::Bool, OnDisk::Bool),
];

fn on_disk(kind: Kind) -> OnDisk {
    let known = DTYPES.iter().find(|(it, _)| *it == kind);
    known.unwrap_or_else(|| unreachable!("no tensor of a network is {kind:?}")).1
}

fn kind(dtype: OnDisk) -> Kind {
    DTYPES.iter().find(|(_, it)| *it == dtype).expect("each has its row").0
}

/// A tensor whose bytes are copied when they are written, one tensor after another.
pub(crate) struct Saved<'a> {
    tensor: &'a Tensor,
    shape: Vec<usize>,
}

impl<'a> Saved<'a> {
    pub(crate) fn of(tensor: &'a Tensor) -> Self {
        Self { tensor, shape: tensor.size().into_iter().map(|n| n as usize).collect() }
    }
}

impl View for Saved<'_> {
    fn dtype(&self) -> Dtype {
        dtype(self.tensor.kind())
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(copied(self.tensor))
    }

    fn data_len(&self) -> usize {
        self.tensor.numel() * self.tensor.kind().elt_size_in_bytes()
    }
}

/// What was read of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The file or folder.
    pub path: PathBuf,
    /// How many tensors.
    pub tensors: usize,
    /// Of each two dtypes, in the file and in the model, how many tensors were cast, and the first of them.
    pub casts: Vec<Cast>,
}

/// Tensors that are of another dtype in a file than in the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cast {
    /// The dtype in the file, as torch names it.
    pub from: &'static str,
    /// The dtype in the model.
    pub to: &'static str,
    /// How many tensors.
    pub tensors: usize,
    /// The first one's name.
    pub first: String,
}

/// Reads `path`, with names relative to `root`, into `module`. Every name and shape must match; a tensor of another dtype is cast, as
/// `load_state_dict` does. The tensors keep their devices.
///
/// # Errors
/// If the file cannot be read or does not fit. The module is then unchanged.
pub fn load(module: &impl Module, root: &str, path: &Path) -> Result<Loaded, WeightsError> {
    load_some(module, root, path, |_| true)
}

/// [`load`], of the tensors of the file that `wanted` says: the others are passed over.
///
/// # Errors
/// As [`load`].
pub fn load_some(
    module: &impl Module,
    root: &str,
    path: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<Loaded, WeightsError> {
    let checkpoint = Checkpoint::open(path)?;
    let mut found: HashMap<String, &Stored> =
        checkpoint.network()?.into_iter().filter(|(name, _)| wanted(name)).collect();
    let (mut names, mut targets, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for (name, _, tensor) in module.state_dict() {
        let name = within(root, name);
        match found.remove(&name) {
            Some(stored) => {
                names.push((name, stored));
                targets.push(tensor);
            }
            None => missing.push(name),
        }
    }
    if !missing.is_empty() || !found.is_empty() {
        let mut unexpected: Vec<String> = found.into_keys().collect();
        unexpected.sort();
        return Err(WeightsError::Keys { path: path.to_owned(), missing, unexpected });
    }
    let mut loaded = Loaded { path: path.to_owned(), tensors: names.len(), casts: Vec::new() };
    for ((name, stored), tensor) in names.iter().zip(&targets) {
        fits(name, stored, tensor, &mut loaded.casts)?;
    }
    let values = Checkpoint::read_all(&names, |_, stored, bytes| Ok::<_, FileError>(tensor(stored, &bytes)))?;
    no_grad(|| targets.iter_mut().zip(&values).for_each(|(tensor, value)| tensor.copy_(value)));
    Ok(loaded)
}

/// A tensor of a file, on the host.
fn tensor(stored: &Stored, bytes: &[u8]) -> Tensor {
    let shape: Vec<i64> = stored.shape.iter().map(|size| *size as i64).collect();
    Tensor::from_data_size(bytes, &shape, kind(stored.dtype))
}

/// Reads the tensors of a network from a checkpoint, with names within it (`backbone.norm.weight`), on the host.
///
/// # Errors
/// If the file cannot be read.
pub fn read_checkpoint(path: &Path) -> Result<HashMap<String, Tensor>, WeightsError> {
    let checkpoint = Checkpoint::open(path)?;
    let named =
        |name: &str, stored: &Stored, bytes: Vec<u8>| Ok::<_, FileError>((name.to_owned(), tensor(stored, &bytes)));
    let tensors = Checkpoint::read_all(&checkpoint.network()?, named)?;
    Ok(tensors.into_iter().collect())
}

/// A tensor's name relative to the module path `root`.
fn within(root: &str, name: String) -> String {
    match name.strip_prefix(root).and_then(|rest| rest.strip_prefix('.')) {
        Some(rest) if !root.is_empty() => rest.to_owned(),
        _ => name,
    }
}

/// Counts a cast; an error where the shapes differ.
fn fits(name: &str, stored: &Stored, tensor: &Tensor, casts: &mut Vec<Cast>) -> Result<(), WeightsError> {
    let shape: Vec<u64> = tensor.size().into_iter().map(|size| size as u64).collect();
    let (from, to) = (stored.dtype.name(), on_disk(tensor.kind()).name());
    if stored.shape != shape {
        let (found, expected) = (format!("{from} {:?}", stored.shape), format!("{to} {shape:?}"));
        return Err(WeightsError::Differs { name: name.to_owned(), found, expected });
    }
    if from != to {
        match casts.iter_mut().find(|cast| (cast.from, cast.to) == (from, to)) {
            Some(cast) => cast.tensors += 1,
            None => casts.push(Cast { from, to, tensors: 1, first: name.to_owned() }),
        }
    }
    Ok(())
}
