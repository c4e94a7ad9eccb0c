//! Running a golden set's recipe through our own trainer, with every tap on.

use dinov3_golden::manifest::Intermediate;
use dinov3_golden::{GoldenSet, Precision};
use dinov3_model::bytes::bytes_of;
use dinov3_model::config::SslConfig;
use dinov3_model::fault::Plant;
use dinov3_model::meta_arch::{Batch, SslMetaArch};
use dinov3_model::module::Module;
use dinov3_model::runtime;
use dinov3_model::tap::{Tap, Taps};
use dinov3_model::vit::{Blocks, IntermediateOptions};
use tch::{Device, Kind, Tensor, no_grad};

use super::inputs::Inputs;
use crate::SuiteError;

/// What to replay and how.
#[derive(Clone, Copy, Debug)]
pub struct Replay {
    /// In which arithmetic.
    pub precision: Precision,
    /// Where.
    pub device: Device,
    /// Broken on purpose, or not.
    pub plant: Option<Plant>,
}

impl Replay {
    /// Replays `set` from its seed and shows every tensor that the recording could hold to `tap`, under the names and in
    /// the order of the set's entries: initial weights, inputs, forward pass.
    ///
    /// # Errors
    /// When the recipe cannot be replayed, or an input is missing or misshapen.
    pub fn run(&self, set: &GoldenSet, tap: &mut dyn Tap) -> Result<(), SuiteError> {
        let prepared = self.prepare(set, tap)?;
        tap_data(&prepared.batch, prepared.image.as_ref().map(|(image, _)| image), tap);
        prepared.forward(&mut Taps::to(tap));
        Ok(())
    }

    /// Everything before the forward pass: initialises the networks from the seed, showing the student's fresh weights to
    /// `tap`, and reads the inputs.
    ///
    /// # Errors
    /// As [`Replay::run`].
    pub fn prepare(&self, set: &GoldenSet, tap: &mut dyn Tap) -> Result<Prepared, SuiteError> {
        let recipe = &set.manifest().recipe;
        let name = || set.manifest().name.clone();
        let mut config =
            SslConfig::from_merged(&recipe.config).map_err(|source| SuiteError::Config { set: name(), source })?;
        config.student.plant = self.plant;
        let inputs = Inputs::read(set, &config)?;

        runtime::manual_seed(recipe.seed);
        let mut arch = SslMetaArch::new(&config);
        arch.init_weights();
        arch.student.visit(|name, _, tensor| tap.tensor(&format!("param:{name}"), tensor));
        if recipe.warm > 0.0 {
            runtime::manual_seed(recipe.seed + 1);
            arch.student.warm(recipe.warm);
            arch.teacher.copy_values_from(&arch.student);
        }
        let on_device = |image: Tensor| image.to_device(self.device).to_kind(self.kind());
        let image = inputs.intermediate.map(on_device).zip(recipe.intermediate.clone());
        if let Some((_, Intermediate { n, .. })) = &image {
            Blocks::Indices(n.clone())
                .check(config.student.size.depth)
                .map_err(|source| SuiteError::Intermediate { set: name(), source })?;
        }
        Ok(Prepared {
            arch: arch.compute_copy(self.kind(), self.device),
            batch: inputs.batch.to(self.device, self.kind()),
            image,
            seed: recipe.seed + 2,
        })
    }

    /// The dtype of weights and activations.
    pub fn kind(&self) -> Kind {
        match self.precision {
            Precision::Truth => Kind::Double,
            Precision::Fp32 => Kind::Float,
            Precision::Bf16 => Kind::BFloat16,
        }
    }
}

/// A set's networks and inputs, ready for the forward pass.
#[derive(Debug)]
pub struct Prepared {
    arch: SslMetaArch,
    batch: Batch,
    image: Option<(Tensor, Intermediate)>,
    seed: u64,
}

impl Prepared {
    /// Teacher, student, and the teacher's intermediate layers where the recipe asks for them. The same every time.
    pub fn forward(&self, taps: &mut Taps) {
        runtime::manual_seed(self.seed);
        self.arch.teacher_output(&self.batch, taps);
        self.arch.student_output(&self.batch, taps);
        if let Some((image, Intermediate { n, norm, .. })) = &self.image {
            let options = IntermediateOptions { reshape: true, norm: *norm };
            let layers = no_grad(|| {
                let blocks = Blocks::Indices(n.clone());
                self.arch.teacher.backbone.get_intermediate_layers(image, &blocks, options, taps)
            });
            layers.expect("`prepare` checked that there are such blocks");
        }
    }
}

fn tap_data(batch: &Batch, image: Option<&Tensor>, tap: &mut dyn Tap) {
    tap.tensor("data:global_crops", &batch.global_crops);
    tap.tensor("data:local_crops", &batch.local_crops);
    tap.tensor("data:masks", &batch.masks);
    tap.tensor("data:mask_indices_list", &batch.mask_indices);
    tap.tensor("data:masks_weight", &batch.masks_weight);
    if let Some(image) = image {
        tap.tensor("data:intermediate", image);
    }
}

/// What the config of `set` asks for in vain; see [`SslConfig::without_effect`].
///
/// # Errors
/// When the config cannot be honoured.
pub fn without_effect(set: &GoldenSet) -> Result<Vec<String>, SuiteError> {
    let name = set.manifest().name.clone();
    SslConfig::from_merged(&set.manifest().recipe.config)
        .map(|config| config.without_effect)
        .map_err(|source| SuiteError::Config { set: name, source })
}

/// The view of a tensor that the golden crate compares. `None` for a dtype that no set holds.
pub fn dtype_of(kind: Kind) -> Option<dinov3_golden::Dtype> {
    use dinov3_golden::Dtype;
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

/// Calls `f` with a view of `tensor` as the golden crate sees tensors.
pub fn with_view<R>(tensor: &Tensor, f: impl FnOnce(dinov3_golden::TensorView<'_>) -> R) -> R {
    // SAFETY: `tensor` is borrowed for the whole call, and `f` sees nothing of it but bytes to read. The trainer never writes in
    // place to a tensor that it has shown.
    let bytes = unsafe { bytes_of(tensor) };
    let dtype = dtype_of(bytes.kind()).expect("the trainer computes in dtypes that golden sets have");
    let view = dinov3_golden::TensorView::new(dtype, bytes.shape(), bytes.bytes());
    f(view.expect("a contiguous tensor has as many bytes as its shape says"))
}
