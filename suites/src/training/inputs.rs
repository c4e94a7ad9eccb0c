//! The batches that a training set was recorded with.

use dinov3_config::SslConfig;
use dinov3_golden::manifest::Training;
use dinov3_golden::{Dtype, GoldenSet, TensorFile};
use dinov3_vit::meta_arch::Batch;
use tch::{Kind, Tensor};

use crate::SuiteError;
use crate::judging::pipeline::Pipeline;
use crate::judging::replay::{inputs, normalised, stored};

/// By how much the seed of batch 0 is above the recipe's.
const SEED: u32 = 100;

/// All distinct batches of `set`, on the host in fp32: cut from its photographs, or as stored where those are missing.
///
/// # Errors
/// When the config or a photograph cannot be used, or a stored tensor is missing or misshapen.
pub(super) fn batches(set: &GoldenSet, training: &Training, config: &SslConfig) -> Result<Vec<Batch>, SuiteError> {
    if let Some(pipeline) = Pipeline::of(set)? {
        return Ok((0..training.batches).map(|number| pipeline.batch(number, SEED + number as u32)).collect());
    }
    let file = inputs(set)?;
    (0..training.batches).map(|number| batch(set, file, number, config)).collect()
}

fn batch(set: &GoldenSet, file: &TensorFile, number: usize, config: &SslConfig) -> Result<Batch, SuiteError> {
    let name = |part: &str| format!("{number}.{part}");
    let masks = stored(set, file, &name("masks"), &[Dtype::Bool], 2)?;
    let crops = |part: &str| crops(set, file, &name(part), config);
    let batch = Batch::new(crops("global_crops")?, crops("local_crops")?, masks);
    let part = "gram_teacher_crops";
    let gram = file.get(&name(part)).is_some().then(|| crops(part)).transpose()?;
    Ok(batch.with_gram_teacher_crops(gram))
}

/// `[n, 3, h, w]`: pixels, to be normalised, or fp32, where the recipe resized after normalising.
fn crops(set: &GoldenSet, file: &TensorFile, name: &str, config: &SslConfig) -> Result<Tensor, SuiteError> {
    let images = stored(set, file, name, &[Dtype::U8, Dtype::F32], 4)?;
    Ok(if images.kind() == Kind::Uint8 { normalised(&images, config) } else { images })
}
