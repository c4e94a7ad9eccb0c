//! Weights on disk: safetensors under the names of the reference's `state_dict`.

mod pth;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use dinov3_ground::atomic::write_file;
use safetensors::tensor::{Dtype, TensorView, View};
use safetensors::{SafeTensorError, SafeTensors};
use tch::{Kind, Tensor, no_grad};
use thiserror::Error;

use dinov3_torch::bytes::copied;
use dinov3_vit::module::Module;

use crate::checkpoint::dtype;

/// The reason why weights could not be read or written.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The file is not safetensors, or is cut short.
    #[error("{} is not a whole safetensors file: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: SafeTensorError,
    },
    /// The file was not written by `torch.save`, or holds something else.
    #[error("{} cannot be read as a checkpoint: {source}", path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The path is a folder, not a file.
    #[error(
        "{} is a folder: a distributed checkpoint cannot be read; consolidate it with `python -m torch.distributed.checkpoint.format_utils dcp_to_torch`",
        .0.display()
    )]
    Distributed(PathBuf),
    /// The file lacks tensors of the model, or has others. Both lists are complete.
    #[error("the weights do not fit the model: missing {missing:?}, unexpected {unexpected:?}")]
    Keys {
        /// The tensors that only the model has.
        missing: Vec<String>,
        /// The tensors that only the file has.
        unexpected: Vec<String>,
    },
    /// A tensor of another shape or dtype.
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
/// When the file cannot be written, or a tensor is of no floating-point dtype.
pub fn save_pth(path: &Path, key: &str, tensors: &[(String, Tensor)]) -> Result<(), WeightsError> {
    pth::write(path, key, tensors).map_err(|source| WeightsError::Io { path: path.to_owned(), source })
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

/// Reads `path`, with names relative to `root`, into `module`. Every name, shape and dtype must match. The tensors keep their devices.
///
/// # Errors
/// If the file cannot be read or does not fit. The module is then unchanged.
pub fn load(module: &impl Module, root: &str, path: &Path) -> Result<(), WeightsError> {
    assign(module, root, read_safetensors(path)?)
}

/// The key of a teacher's weights in a `.pth`: the program's own export, or what `dcp_to_torch` makes of a sharded one.
const KEYS: [&str; 2] = ["teacher", "model"];

/// Reads a checkpoint of the reference's programs: safetensors, or the `.pth` of `torch.save({"teacher": …})`, of a dictionary or an
/// `OrderedDict`, wherever its tensors were, with names relative to a network (`backbone.norm.weight`).
///
/// # Errors
/// If the file cannot be read, or is a folder (a distributed checkpoint).
pub fn read_checkpoint(path: &Path) -> Result<HashMap<String, Tensor>, WeightsError> {
    let io = |source| WeightsError::Io { path: path.to_owned(), source };
    if fs::metadata(path).map_err(io)?.is_dir() {
        return Err(WeightsError::Distributed(path.to_owned()));
    }
    if path.extension().is_some_and(|extension| extension == "safetensors") {
        return read_safetensors(path);
    }
    let tensors = pth::read(path, &KEYS).map_err(|source| match source.kind() {
        std::io::ErrorKind::InvalidData => WeightsError::Pickle { path: path.to_owned(), source },
        _ => io(source),
    })?;
    Ok(tensors.into_iter().collect())
}

fn read_safetensors(path: &Path) -> Result<HashMap<String, Tensor>, WeightsError> {
    let format = |source| WeightsError::Format { path: path.to_owned(), source };
    let bytes = fs::read(path).map_err(|source| WeightsError::Io { path: path.to_owned(), source })?;
    let file = SafeTensors::deserialize(&bytes).map_err(format)?;
    file.tensors().into_iter().map(|(name, view)| tensor(&name, &view).map(|tensor| (name, tensor))).collect()
}

fn tensor(name: &str, view: &TensorView) -> Result<Tensor, WeightsError> {
    let shape: Vec<i64> = view.shape().iter().map(|n| *n as i64).collect();
    let kind = match view.dtype() {
        Dtype::F64 => Kind::Double,
        Dtype::F32 => Kind::Float,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        other => {
            let (name, found) = (name.to_owned(), format!("{other:?} {shape:?}"));
            return Err(WeightsError::Differs { name, found, expected: "of floating-point numbers".to_owned() });
        }
    };
    Ok(Tensor::from_data_size(view.data(), &shape, kind))
}

/// Overwrites every tensor of `module` with the tensor of its name, relative to `root`, in `found`.
///
/// # Errors
/// If a name, a shape or a dtype does not match. The module is then unchanged.
pub fn assign(module: &impl Module, root: &str, mut found: HashMap<String, Tensor>) -> Result<(), WeightsError> {
    let (mut pairs, mut missing) = (Vec::new(), Vec::new());
    for (name, _, tensor) in module.state_dict() {
        let name = within(root, name);
        match found.remove(&name) {
            Some(value) => pairs.push((name, value, tensor)),
            None => missing.push(name),
        }
    }
    if !missing.is_empty() || !found.is_empty() {
        let mut unexpected: Vec<String> = found.into_keys().collect();
        unexpected.sort();
        return Err(WeightsError::Keys { missing, unexpected });
    }
    pairs.iter().try_for_each(|(name, value, tensor)| fits(name, tensor, value))?;
    no_grad(|| pairs.iter_mut().for_each(|(_, value, tensor)| tensor.copy_(value)));
    Ok(())
}

/// A tensor's name relative to the module path `root`.
fn within(root: &str, name: String) -> String {
    match name.strip_prefix(root).and_then(|rest| rest.strip_prefix('.')) {
        Some(rest) if !root.is_empty() => rest.to_owned(),
        _ => name,
    }
}

fn fits(name: &str, tensor: &Tensor, value: &Tensor) -> Result<(), WeightsError> {
    let describe = |tensor: &Tensor| format!("{:?} {:?}", dtype(tensor.kind()), tensor.size());
    if tensor.kind() == value.kind() && tensor.size() == value.size() {
        return Ok(());
    }
    Err(WeightsError::Differs { name: name.to_owned(), found: describe(value), expected: describe(tensor) })
}
