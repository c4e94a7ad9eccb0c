//! Running a golden set's recipe through our own trainer, with every tap on.

use dinov3_golden::GoldenSet;
use dinov3_golden::Kind;
use dinov3_golden::manifest::Intermediate;
use dinov3_torch::runtime;
use dinov3_vit::meta_arch::{Batch, SslMetaArch};
use dinov3_vit::module::Module;
use dinov3_vit::tap::{Tap, Taps};
use dinov3_vit::vit::{Blocks, IntermediateOptions};
use tch::{Tensor, no_grad};

use super::inputs::Inputs;
use crate::SuiteError;
use crate::judging::replay::{Replay, config};

/// Replays `set` from its seed and shows every tensor that the recording could hold to `tap`, under the names and in
/// the order of the set's entries: initial weights, inputs, forward pass.
///
/// # Errors
/// When the recipe cannot be replayed, or an input is missing or misshapen.
pub fn run(set: &GoldenSet, replay: &Replay, tap: &mut dyn Tap) -> Result<(), SuiteError> {
    let prepared = prepare(set, replay, tap)?;
    tap_data(&prepared.batch, prepared.image.as_ref().map(|(image, _)| image), tap);
    prepared.forward(&mut Taps::to(tap));
    Ok(())
}

/// Everything before the forward pass: initialises the networks from the seed, showing the student's fresh weights to
/// `tap`, and reads the inputs.
///
/// # Errors
/// As [`run`].
pub fn prepare(set: &GoldenSet, replay: &Replay, tap: &mut dyn Tap) -> Result<Prepared, SuiteError> {
    let recipe = &set.manifest().recipe;
    let name = || set.manifest().name.clone();
    let mut config = config(set)?;
    config.student.plant = replay.plant;
    let inputs = Inputs::of(set, &config)?;

    runtime::manual_seed(recipe.seed);
    let mut arch = SslMetaArch::new(&config);
    arch.init_weights();
    arch.student.visit(|name, _, tensor| tap.tensor(&Kind::Param.name(name), tensor));
    if recipe.warm > 0.0 {
        runtime::manual_seed(recipe.seed + 1);
        arch.student.warm(recipe.warm);
        arch.teacher.copy_values_from(&arch.student);
    }
    let on_device = |image: Tensor| image.to_device(replay.device).to_kind(replay.kind());
    let image = inputs.intermediate.map(on_device).zip(recipe.intermediate.clone());
    if let Some((_, Intermediate { n, .. })) = &image {
        Blocks::Indices(n.clone())
            .check(config.student.size.depth)
            .map_err(|source| SuiteError::Intermediate { set: name(), source })?;
    }
    Ok(Prepared {
        arch: arch.compute_copy(replay.kind()).to_device(replay.device),
        batch: inputs.batch.to(replay.device, replay.kind()),
        image,
        seed: recipe.seed + 2,
    })
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
    tap.tensor(&Kind::Data.name("global_crops"), &batch.global_crops);
    tap.tensor(&Kind::Data.name("local_crops"), &batch.local_crops);
    tap.tensor(&Kind::Data.name("masks"), &batch.masks);
    tap.tensor(&Kind::Data.name("mask_indices_list"), &batch.mask_indices);
    tap.tensor(&Kind::Data.name("masks_weight"), &batch.masks_weight);
    if let Some(image) = image {
        tap.tensor(&Kind::Data.name("intermediate"), image);
    }
}
