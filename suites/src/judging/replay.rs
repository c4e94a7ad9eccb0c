//! Under what circumstances our own trainer repeats a recording, and its tensors as the golden crate sees them.

use std::sync::{Arc, Mutex, PoisonError};

use dinov3_config::SslConfig;
use dinov3_golden::{Dtype, Fingerprint, GoldenSet, Precision, TensorFile, TensorView};
use dinov3_ranks::Group;
use dinov3_reports::message::Remark;
use dinov3_torch::bytes::with_bytes;
use dinov3_torch::device::Device;
use dinov3_torch::runtime;
use dinov3_vit::hook::Hook;
use tch::{Kind, Tensor};

use super::words;
use crate::SuiteError;
use crate::defects::Plant;

/// What a replay has to say to the person who watches.
#[derive(Clone, Debug, Default)]
pub struct Notes(Arc<Mutex<Vec<Remark>>>);

impl Notes {
    /// Says something.
    pub fn add(&self, note: Remark) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    /// What was said so far, and has not been taken before.
    pub fn take(&self) -> Vec<Remark> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How to replay a set.
#[derive(Clone, Debug)]
pub struct Replay {
    /// In which arithmetic.
    pub precision: Precision,
    /// Where.
    pub device: Device,
    /// Broken on purpose, or not.
    pub plant: Option<Plant>,
    /// Whether to take all of a set's steps in a row, and not the first alone. Of use where the same bits can be expected.
    pub free_run: bool,
    /// What there is to say of it.
    pub notes: Notes,
}

impl Replay {
    /// The dtype of weights and activations.
    pub fn kind(&self) -> Kind {
        match self.precision {
            Precision::Truth => Kind::Double,
            Precision::Fp32 => Kind::Float,
            Precision::Bf16 => Kind::BFloat16,
        }
    }

    /// The config of `set`, and what is planted in it.
    ///
    /// # Errors
    /// When it cannot be honoured.
    pub fn config(&self, set: &GoldenSet) -> Result<SslConfig, SuiteError> {
        let mut config = config(set)?;
        self.plant.iter().for_each(|plant| plant.config(&mut config));
        Ok(config)
    }

    /// The hook of what is planted, for one rank out of `ranks`.
    pub fn planted(&self, config: &SslConfig, ranks: usize) -> Option<Box<dyn Hook>> {
        self.plant.and_then(|plant| plant.hook(config, ranks))
    }

    /// The ranks, with what is planted in them.
    pub fn group(&self, group: Arc<dyn Group>) -> Arc<dyn Group> {
        match self.plant {
            Some(plant) => plant.group(group),
            None => group,
        }
    }
}

/// The circumstances under which our own trainer computes here and now.
pub fn this_machine(device: Device) -> Fingerprint {
    Fingerprint {
        torch: dinov3_torch::shim::torch_version(),
        architecture: std::env::consts::ARCH.to_owned(),
        device: device.kind().to_owned(),
        cpu_vendor: runtime::cpu_vendor(),
        cpu_capability: dinov3_torch::shim::cpu_capability(),
        mkl_cbwr: runtime::pinned("MKL_CBWR"),
        onednn_max_cpu_isa: runtime::pinned("ONEDNN_MAX_CPU_ISA"),
        threads: runtime::threads(),
        tf32: matches!(device, Device::Cuda(_)) && dinov3_torch::device::tf32(),
    }
}

/// The config of `set`.
///
/// # Errors
/// When it cannot be honoured, or the recipe contradicts itself or its inputs.
pub fn config(set: &GoldenSet) -> Result<SslConfig, SuiteError> {
    let manifest = set.manifest();
    let config = SslConfig::from_merged(&manifest.recipe.config)
        .map_err(|source| SuiteError::Config { set: manifest.name.clone(), source })?;
    super::recipe::check(set)?;
    Ok(config)
}

/// What the config of `set` asks for in vain; see [`SslConfig::without_effect`].
///
/// # Errors
/// When the config cannot be honoured.
pub fn without_effect(set: &GoldenSet) -> Result<Vec<Remark>, SuiteError> {
    config(set).map(|config| config.without_effect.iter().map(words::remark).collect())
}

/// The dtype that the golden crate gives a tensor of this kind. `None` for one that no set holds.
pub fn dtype_of(kind: Kind) -> Option<Dtype> {
    Some(match kind {
        Kind::Double => Dtype::F64,
        Kind::Float => Dtype::F32,
        Kind::Half => Dtype::F16,
        Kind::BFloat16 => Dtype::Bf16,
        Kind::Int64 => Dtype::I64,
        Kind::Int => Dtype::I32,
        Kind::Uint8 => Dtype::U8,
        Kind::Bool => Dtype::Bool,
        _ => return None,
    })
}

/// The inverse of [`dtype_of`].
pub fn kind_of(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::F64 => Kind::Double,
        Dtype::F32 => Kind::Float,
        Dtype::F16 => Kind::Half,
        Dtype::Bf16 => Kind::BFloat16,
        Dtype::I64 => Kind::Int64,
        Dtype::I32 => Kind::Int,
        Dtype::U8 => Kind::Uint8,
        Dtype::Bool => Kind::Bool,
    }
}

/// Calls `f` with a view of `tensor` as the golden crate sees tensors.
pub fn with_view<R>(tensor: &Tensor, f: impl FnOnce(TensorView<'_>) -> R) -> R {
    with_bytes(tensor, |kind, shape, bytes| {
        let dtype = dtype_of(kind).expect("the trainer computes in dtypes that golden sets have");
        let view = TensorView::new(dtype, shape, bytes);
        f(view.expect("a contiguous tensor has as many bytes as its shape says"))
    })
}

/// A copy, on the host, of a tensor of a set.
pub fn tensor_of(view: TensorView<'_>) -> Tensor {
    let shape: Vec<i64> = view.shape().iter().map(|extent| *extent as i64).collect();
    Tensor::from_data_size(view.bytes(), &shape, kind_of(view.dtype()))
}

/// The tensor `name` of one of the files of `set`, which must be of one of these dtypes and have so many dimensions.
///
/// # Errors
/// When the file lacks it, or it is another kind of tensor.
pub fn stored(
    set: &GoldenSet,
    file: &TensorFile,
    name: &str,
    dtypes: &[Dtype],
    dimensions: usize,
) -> Result<Tensor, SuiteError> {
    let unusable =
        |reason: String| SuiteError::Input { set: set.manifest().name.clone(), input: name.to_owned(), reason };
    let view = file.get(name).ok_or_else(|| unusable("the file has no such tensor".to_owned()))?;
    if !dtypes.contains(&view.dtype()) || view.shape().len() != dimensions {
        let wanted: Vec<_> = dtypes.iter().map(ToString::to_string).collect();
        let (found, shape, wanted) = (view.dtype(), view.shape(), wanted.join(" or "));
        return Err(unusable(format!("it is {found} {shape:?}, not {wanted} with {dimensions} dimensions")));
    }
    Ok(tensor_of(view))
}

/// The inputs of `set`.
///
/// # Errors
/// When there are none, or their file is malformed.
pub fn inputs(set: &GoldenSet) -> Result<&TensorFile, SuiteError> {
    set.inputs()?.ok_or_else(|| SuiteError::Input {
        set: set.manifest().name.clone(),
        input: "inputs.safetensors".to_owned(),
        reason: "the set has no such file".to_owned(),
    })
}

/// Pixels `[B, 3, H, W]` in 0..=255 to normalised fp32, by torchvision's ops: a product with 1/255 (not a division), then
/// minus the mean, then over the deviation.
pub fn normalised(pixels: &Tensor, config: &SslConfig) -> Tensor {
    let per_channel = |values: &[f32; 3]| Tensor::from_slice(values).view([-1, 1, 1]);
    let scaled = pixels.to_kind(Kind::Float) * (1.0 / 255.0);
    (scaled - per_channel(&config.rgb_mean)) / per_channel(&config.rgb_std)
}
