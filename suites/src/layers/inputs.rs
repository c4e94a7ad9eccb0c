//! A set's stored inputs as the model receives them.

use dinov3_golden::{Dtype, GoldenSet};
use dinov3_model::config::SslConfig;
use dinov3_model::meta_arch::Batch;
use tch::Tensor;

use crate::SuiteError;
use crate::judging::replay::{inputs, normalised, stored};

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
        let file = inputs(set)?;
        let image = |name: &str| Ok::<_, SuiteError>(normalised(&stored(set, file, name, &[Dtype::U8], 4)?, config));
        let masks = stored(set, file, "masks", &[Dtype::Bool], 2)?;
        let batch = Batch::new(image("global_crops")?, image("local_crops")?, masks);
        let wanted = set.manifest().recipe.intermediate.is_some();
        let intermediate = wanted.then(|| image("intermediate")).transpose()?;
        Ok(Self { batch, intermediate })
    }
}
