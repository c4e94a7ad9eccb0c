//! Running a golden set's recipe through our own trainer, every tensor of which is shown.

use dinov3_config::SslConfig;
use dinov3_golden::GoldenSet;
use dinov3_golden::Kind;
use dinov3_golden::manifest::Intermediate;
use dinov3_torch::device::moved;
use dinov3_torch::runtime;
use dinov3_vit::hook::{Hook, Hooks, InTurn};
use dinov3_vit::meta_arch::{Batch, SslMetaArch};
use dinov3_vit::module::Module;
use dinov3_vit::vit::{Blocks, IntermediateOptions};
use tch::{Tensor, no_grad};

use super::inputs::Inputs;
use crate::SuiteError;
use crate::judging::replay::Replay;

/// Replays `set` from its seed and shows every tensor that the recording could hold to `hook`, behind what is planted, under the names and
/// in the order of the set's entries: initial weights, inputs, forward pass.
///
/// # Errors
/// When the recipe cannot be replayed, or an input is missing or misshapen.
pub fn run(set: &GoldenSet, replay: &Replay, hook: &mut dyn Hook) -> Result<(), SuiteError> {
    let mut prepared = prepare(set, replay, hook)?;
    let mut planted = replay.planted(&prepared.config, 1);
    let planted = planted.iter_mut().map(|planted| planted.as_mut() as &mut dyn Hook);
    let mut hooks = InTurn::new(planted.chain([&mut *hook as &mut dyn Hook]));
    prepared.show_data(&mut Hooks::to(&mut hooks));
    prepared.forward(&mut Hooks::to(&mut hooks));
    Ok(())
}

/// Everything before the forward pass: initialises the networks from the seed, showing the student's fresh weights to
/// `hook`, and reads the inputs.
///
/// # Errors
/// As [`run`].
pub fn prepare(set: &GoldenSet, replay: &Replay, hook: &mut dyn Hook) -> Result<Prepared, SuiteError> {
    let recipe = &set.manifest().recipe;
    let name = || set.manifest().name.clone();
    let config = replay.config(set)?;
    let inputs = Inputs::of(set, &config)?;

    runtime::manual_seed(recipe.seed);
    let mut arch = SslMetaArch::new(&config);
    arch.init_weights();
    let hooks = &mut Hooks::to(hook);
    arch.student.visit(|name, _, tensor| {
        if let Some(other) = hooks.look(Kind::Param.of(name), tensor).into_replacement() {
            no_grad(|| tensor.shallow_clone().copy_(&other));
        }
    });
    if recipe.warm > 0.0 {
        runtime::manual_seed(recipe.seed + 1);
        arch.student.warm(recipe.warm);
        arch.teacher.copy_values_from(&arch.student);
    }
    let on_device = |image: Tensor| moved(&image, replay.device).to_kind(replay.kind());
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
        config,
    })
}

/// A set's networks and inputs, ready for the forward pass.
#[derive(Debug)]
pub struct Prepared {
    arch: SslMetaArch,
    batch: Batch,
    image: Option<(Tensor, Intermediate)>,
    seed: u64,
    config: SslConfig,
}

impl Prepared {
    /// Shows the inputs, and takes what comes back for them.
    fn show_data(&mut self, hooks: &mut Hooks) {
        let batch = &mut self.batch;
        let of_batch = [
            ("global_crops", &mut batch.global_crops),
            ("local_crops", &mut batch.local_crops),
            ("masks", &mut batch.masks),
            ("mask_indices_list", &mut batch.mask_indices),
            ("masks_weight", &mut batch.masks_weight),
        ];
        let image = self.image.as_mut().map(|(image, _)| ("intermediate", image));
        for (name, tensor) in of_batch.into_iter().chain(image) {
            if let Some(other) = hooks.look(Kind::Data.of(name), tensor).into_replacement() {
                *tensor = other;
            }
        }
    }

    /// The networks, as they compute.
    pub fn arch(&self) -> &SslMetaArch {
        &self.arch
    }

    /// Teacher, student, and the teacher's intermediate layers where the recipe asks for them. The same every time.
    pub fn forward(&self, hooks: &mut Hooks) {
        runtime::manual_seed(self.seed);
        self.arch.teacher_output(&self.batch, hooks);
        self.arch.student_output(&self.batch, hooks);
        if let Some((image, Intermediate { n, norm, .. })) = &self.image {
            let options = IntermediateOptions { reshape: true, norm: *norm };
            let layers = no_grad(|| {
                let blocks = Blocks::Indices(n.clone());
                self.arch.teacher.backbone.get_intermediate_layers(image, &blocks, options, hooks)
            });
            layers.expect("`prepare` checked that there are such blocks");
        }
    }
}
