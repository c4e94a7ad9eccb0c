//! A set's inputs as the model receives them.

use dinov3_config::SslConfig;
use dinov3_golden::{Dtype, GoldenSet};
use dinov3_vit::meta_arch::Batch;
use tch::Tensor;

use crate::SuiteError;
use crate::judging::pipeline::Pipeline;
use crate::judging::replay::{inputs, normalised, stored};

/// The crops, the masks, and the image for `get_intermediate_layers`, on the host in fp32.
pub struct Inputs {
    /// The collated batch.
    pub batch: Batch,
    /// `[1, 3, H, W]`, where the recipe has one.
    pub intermediate: Option<Tensor>,
}

impl Inputs {
    /// Cuts the inputs of `set` from its photographs.
    ///
    /// # Errors
    /// When its config or a photograph cannot be used; without photographs, when a stored input is missing or misshapen.
    pub fn of(set: &GoldenSet, config: &SslConfig) -> Result<Self, SuiteError> {
        let Some(pipeline) = Pipeline::of(set)? else { return Self::stored(set, config) };
        let recipe = &set.manifest().recipe;
        let intermediate = recipe.intermediate.as_ref().map(|wanted| pipeline.intermediate(wanted));
        Ok(Self { batch: pipeline.batch(0, 0), intermediate })
    }

    /// Reads the stored inputs of `set` and normalises the images as its config says.
    fn stored(set: &GoldenSet, config: &SslConfig) -> Result<Self, SuiteError> {
        let file = inputs(set)?;
        let image = |name: &str| Ok::<_, SuiteError>(normalised(&stored(set, file, name, &[Dtype::U8], 4)?, config));
        let masks = stored(set, file, "masks", &[Dtype::Bool], 2)?;
        let batch = Batch::new(image("global_crops")?, image("local_crops")?, masks);
        let wanted = set.manifest().recipe.intermediate.is_some();
        let intermediate = wanted.then(|| image("intermediate")).transpose()?;
        Ok(Self { batch, intermediate })
    }
}
