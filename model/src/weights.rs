//! Weights on disk: safetensors under the names of the reference's `state_dict`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors};
use tch::{Device, Kind, Tensor, no_grad};
use thiserror::Error;

use crate::bytes::{TensorBytes, bytes_of};
use crate::module::Module;

/// Why weights could not be read or written.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// The file system said no.
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
    /// The file lacks a tensor of the model, or has others: both lists, in full.
    #[error("the weights do not fit the model: missing {missing:?}, unexpected {unexpected:?}")]
    Keys {
        /// In the model, not in the file.
        missing: Vec<String>,
        /// In the file, not in the model.
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

/// Writes every tensor of `module` to `path`, under a temporary name first. In the file, names are relative to `root`:
/// `student.backbone` for a backbone's own (`blocks.0.norm1.weight`), an empty one for the names in full.
///
/// # Errors
/// When the file cannot be written; an existing one is then left as it was.
pub fn save(module: &impl Module, root: &str, path: &Path) -> Result<(), WeightsError> {
    let io = |source| WeightsError::Io { path: path.to_owned(), source };
    // SAFETY: `module` is borrowed for the whole call, and nothing here writes to its tensors.
    let bytes = |tensor: &Tensor| unsafe { bytes_of(tensor) };
    let named: Vec<(String, TensorBytes)> =
        module.state_dict().into_iter().map(|(name, _, tensor)| (within(root, name), bytes(&tensor))).collect();
    let mut views = Vec::with_capacity(named.len());
    for (name, tensor) in &named {
        let view = TensorView::new(dtype(tensor.kind()), tensor.shape().to_vec(), tensor.bytes())
            .map_err(|source| WeightsError::Format { path: path.to_owned(), source })?;
        views.push((name.as_str(), view));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
    safetensors::serialize_to_file(views, None, temporary.path())
        .map_err(|source| WeightsError::Format { path: path.to_owned(), source })?;
    fs::File::open(temporary.path()).and_then(|file| file.sync_all()).map_err(io)?;
    temporary.persist(path).map_err(|error| io(error.error))?;
    Ok(())
}

/// Reads `path`, whose names are relative to `root`, into `module`, whose tensors keep their devices. Strict: every key, shape and
/// dtype must match.
///
/// # Errors
/// When the file cannot be read or does not fit; the module is then unchanged.
pub fn load(module: &impl Module, root: &str, path: &Path) -> Result<(), WeightsError> {
    let bytes = fs::read(path).map_err(|source| WeightsError::Io { path: path.to_owned(), source })?;
    let file =
        SafeTensors::deserialize(&bytes).map_err(|source| WeightsError::Format { path: path.to_owned(), source })?;
    let mut found: HashMap<String, TensorView> = file.tensors().into_iter().collect();
    let (mut pairs, mut missing) = (Vec::new(), Vec::new());
    for (name, _, tensor) in module.state_dict() {
        let name = within(root, name);
        match found.remove(&name) {
            Some(view) => pairs.push((name, view, tensor)),
            None => missing.push(name),
        }
    }
    if !missing.is_empty() || !found.is_empty() {
        let mut unexpected: Vec<String> = found.into_keys().collect();
        unexpected.sort();
        return Err(WeightsError::Keys { missing, unexpected });
    }
    let values: Result<Vec<_>, _> = pairs.iter().map(|(name, view, tensor)| fitting(name, tensor, view)).collect();
    no_grad(|| {
        for (value, (_, _, tensor)) in values?.iter().zip(&pairs) {
            tensor.shallow_clone().copy_(value);
        }
        Ok(())
    })
}

/// A tensor's name relative to the module path `root`.
fn within(root: &str, name: String) -> String {
    match name.strip_prefix(root).and_then(|rest| rest.strip_prefix('.')) {
        Some(rest) if !root.is_empty() => rest.to_owned(),
        _ => name,
    }
}

fn fitting(name: &str, tensor: &Tensor, view: &TensorView) -> Result<Tensor, WeightsError> {
    let shape: Vec<i64> = view.shape().iter().map(|n| *n as i64).collect();
    if dtype(tensor.kind()) != view.dtype() || tensor.size() != shape {
        return Err(WeightsError::Differs {
            name: name.to_owned(),
            found: format!("{:?} {shape:?}", view.dtype()),
            expected: format!("{:?} {:?}", dtype(tensor.kind()), tensor.size()),
        });
    }
    Ok(Tensor::from_data_size(view.data(), &shape, tensor.kind()).to_device(Device::Cpu))
}

/// The safetensors name of a tensor's dtype.
///
/// # Panics
/// On a dtype that no parameter or buffer of the model has.
fn dtype(kind: Kind) -> Dtype {
    match kind {
        Kind::Double => Dtype::F64,
        Kind::Float => Dtype::F32,
        Kind::Half => Dtype::F16,
        Kind::BFloat16 => Dtype::BF16,
        other => unreachable!("no tensor of the model is {other:?}"),
    }
}
