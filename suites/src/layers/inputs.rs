//! A set's stored inputs as the model receives them.

use dinov3_golden::{Dtype, GoldenSet, TensorFile};
use dinov3_model::config::SslConfig;
use dinov3_model::meta_arch::Batch;
use tch::{Device, Kind, Tensor};

use crate::SuiteError;

/// The crops, the masks, and the image for `get_intermediate_layers`, on the host in fp32.
pub struct Inputs {
    /// The collated batch.
    pub batch: Batch,
    /// `[1, 3, H, W]`, where the recipe has one.
    pub intermediate: Option<Tensor>,
}

impl Inputs {
    /// Reads the inputs of `set` and normalises the images as its config says.
    pub fn read(set: &GoldenSet, config: &SslConfig) -> Result<Self, SuiteError> {
        let name = &set.manifest().name;
        let missing = |input: &str, reason: &str| SuiteError::Input {
            set: name.clone(),
            input: input.to_owned(),
            reason: reason.to_owned(),
        };
        let file = set.inputs()?.ok_or_else(|| missing("inputs.safetensors", "the set has no such file"))?;
        let image = |input: &str| -> Result<Tensor, SuiteError> {
            let pixels = read(file, input, Dtype::U8, 4).map_err(|reason| missing(input, &reason))?;
            Ok(normalised(&pixels, config))
        };
        let masks = read(file, "masks", Dtype::Bool, 2).map_err(|reason| missing("masks", &reason))?;
        let batch = Batch::new(image("global_crops")?, image("local_crops")?, masks);
        let intermediate = match set.manifest().recipe.intermediate {
            Some(_) => Some(image("intermediate")?),
            None => None,
        };
        Ok(Self { batch, intermediate })
    }
}

fn read(file: &TensorFile, name: &str, dtype: Dtype, dimensions: usize) -> Result<Tensor, String> {
    let view = file.get(name).ok_or("the file has no such tensor")?;
    if view.dtype() != dtype || view.shape().len() != dimensions {
        return Err(format!("it is {} {:?}, not {dtype} with {dimensions} dimensions", view.dtype(), view.shape()));
    }
    let shape: Vec<i64> = view.shape().iter().map(|n| *n as i64).collect();
    let kind = if dtype == Dtype::Bool { Kind::Bool } else { Kind::Uint8 };
    Ok(Tensor::from_data_size(view.bytes(), &shape, kind))
}

/// Pixels `[B, 3, H, W]` in 0..=255 to normalised fp32, by torchvision's ops: a product with 1/255 (not a division), then
/// minus the mean, then over the deviation.
fn normalised(pixels: &Tensor, config: &SslConfig) -> Tensor {
    let per_channel = |values: &[f32; 3]| Tensor::from_slice(values).to_device(Device::Cpu).view([-1, 1, 1]);
    let scaled = pixels.to_kind(Kind::Float) * (1.0 / 255.0);
    (scaled - per_channel(&config.rgb_mean)) / per_channel(&config.rgb_std)
}
