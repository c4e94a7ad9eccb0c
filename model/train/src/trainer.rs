//! One training step after another: what `do_train` (`dinov3/train/train.py`) does between two batches.
//!
//! Schedules, teacher, student, losses, gradients, clipping, AdamW, moving average, Gram teacher: in this order, with the
//! reference's ops. A step shows what it computes to a [`Hook`](dinov3_vit::hook::Hook), under the names that golden sets have.

mod checkpoints;
mod observe;
mod parts;
mod state;
mod students;
mod teachers;
mod weights;

pub use observe::of_teacher;
pub use parts::Parts;
pub use state::Part;
use weights::Weights;

use std::sync::Arc;

use dinov3_config::{Decay, SslConfig};
use dinov3_names::Kind as EntryKind;
use dinov3_ranks::{Group, GroupError};
use dinov3_torch::device::{Device, send};
use dinov3_torch::shim::ShimError;
use dinov3_vit::hook::Hooks;
use dinov3_vit::loss::koleo::KoLeoError;
use dinov3_vit::loss::sinkhorn::{self, Samples, sinkhorn_knopp};
use dinov3_vit::meta_arch::{
    Batch, GramOutput, Losses, SslMetaArch, StudentOutput, Targets, TeacherOutput, compute_losses,
};
use tch::{Kind, Tensor};
use thiserror::Error;

use crate::optim::clip::{ClipError, clip_grad_norm_};
use crate::optim::{AdamW, Multipliers};
use crate::phases::{Phase, Phases};
use crate::schedule::{Curve, ScheduleError, Schedules, Settings, linear_warmup_cosine_decay};
use crate::shard::{ShardError, Sharding};

/// The student's submodules, in the order of the reference: gradients are clipped, and parameters grouped, within each.
pub const SUBMODULES: [&str; 3] = ["backbone", "dino_head", "ibot_head"];

/// After so many steps with a loss that is not a number, in a row, the reference gives up.
const NANS_ALLOWED: u32 = 2;

/// Why a step could not be taken.
#[derive(Debug, Error)]
pub enum TrainError {
    /// libtorch threw.
    #[error(transparent)]
    Shim(#[from] ShimError),
    /// A rank is gone.
    #[error(transparent)]
    Group(GroupError),
    /// A schedule does not fit the length of training.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// Gradients could not be clipped.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// KoLeo's groups of images do not fit, or a rank is gone.
    #[error(transparent)]
    KoLeo(#[from] KoLeoError),
    /// The Gram teacher is needed before it has weights, or without crops for it.
    #[error(
        "the Gram teacher has no weights, or the batch has no crops for it; the reference wants a checkpoint (`gram.ckpt`)"
    )]
    GramTeacher,
    /// An option that needs more than this trainer has.
    #[error("`{option}` cannot be used here: {reason}")]
    Unsupported {
        /// The key.
        option: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// The loss was NaN too often in a row.
    #[error("the loss is not a number for the {count}th step in a row, on ranks {ranks:?}")]
    TooManyNans {
        /// Steps in a row.
        count: u32,
        /// Whose loss.
        ranks: Vec<usize>,
        /// What the step would have logged.
        log: Box<StepLog>,
    },
}

impl From<GroupError> for TrainError {
    fn from(error: GroupError) -> Self {
        Self::Group(error)
    }
}

impl From<ShardError> for TrainError {
    fn from(error: ShardError) -> Self {
        match error {
            ShardError::Group(error) => Self::Group(error),
            ShardError::Shim(error) => Self::Shim(error),
        }
    }
}

/// What a step logs.
#[derive(Clone, Debug, PartialEq)]
pub struct StepLog {
    /// `total_loss`, then the reference's `metrics_dict` in its order: means over all ranks, in fp32.
    pub metrics: Vec<(String, f32)>,
    /// The ranks whose loss is not a number.
    pub nan_ranks: Vec<usize>,
    /// So many steps in a row, with this one, had such a loss.
    pub nans_in_a_row: u32,
    /// Whether the Gram teacher took the average's weights before the step (`gram.it_load_ema_teacher`).
    pub gram_loaded: bool,
    /// Whether it took them after the step (`gram.update_frequency`).
    pub gram_updated: bool,
}

/// A trainer of one rank.
#[derive(Debug)]
pub struct Trainer {
    config: SslConfig,
    kind: Kind,
    device: Device,
    group: Arc<dyn Group>,
    /// All ranks of the run.
    all: Arc<dyn Group>,
    /// What computes. The weights are in `weights`.
    arch: SslMetaArch,
    weights: Weights,
    optimizer: AdamW,
    schedules: Schedules,
    local_loss_weight: Option<Curve>,
    gram_loss_weight: Option<Curve>,
    gram_updates: usize,
    nans: u32,
}

/// `student.backbone.cls_token` is `cls_token` of `backbone`.
pub fn submodule_of(name: &str) -> (&str, &str) {
    let within = name.split_once('.').map_or(name, |(_, within)| within);
    within.split_once('.').unwrap_or((within, ""))
}

impl Trainer {
    /// A trainer whose weights are not initialised yet, sharded over `group` as the reference is. It computes in `kind` (float64 is the
    /// truth that rounding is measured against; bf16 is the reference's mixed precision, with weights, gradients and optimizer in fp32)
    /// on `device`.
    ///
    /// # Errors
    /// When a schedule cannot be drawn, or an option needs what is not here.
    pub fn new(config: &SslConfig, kind: Kind, device: Device, group: Arc<dyn Group>) -> Result<Self, TrainError> {
        Self::sharded(config, kind, device, &Sharding::over(group))
    }

    /// The same, sharded as `sharding` says.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn sharded(config: &SslConfig, kind: Kind, device: Device, sharding: &Sharding) -> Result<Self, TrainError> {
        Self::with_parts(config, kind, device, sharding, &Parts::default())
    }

    /// The same, made of other parts than the reference's.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn with_parts(
        config: &SslConfig,
        kind: Kind,
        device: Device,
        sharding: &Sharding,
        parts: &Parts,
    ) -> Result<Self, TrainError> {
        if config.distillation_enabled && config.distillation.is_none() {
            let reason = "the frozen teacher's config, `distillation.full_cfg_path`, has not been read";
            return Err(TrainError::Unsupported { option: "distillation.enabled", reason });
        }
        students::check(config, sharding)?;
        let training = &config.training;
        let global_batch = (training.batch_size_per_gpu * sharding.all.size() as i64) as f64;
        let loss_weight = |name, decay: Option<Decay>| {
            decay.map(|decay| linear_warmup_cosine_decay(name, &decay, training.epoch_length(), training.iterations()))
        };
        let (mut arch, weights) = Weights::new(config, kind, device, sharding)?;
        if parts.casts_tables {
            arch.cast_tables_to_activations();
        }
        let blocks = config.student.size.depth;
        let slots = weights.student.names().iter().zip(weights.student.rows()).map(|(name, parameter)| {
            let (submodule, key) = submodule_of(name);
            let blocks = if submodule == "backbone" { blocks } else { 0 };
            (parameter.shallow_clone(), (parts.multipliers)(key, blocks, &training.optim))
        });
        let gram_schedule = training.gram.as_ref().and_then(|gram| gram.weight_schedule);
        Ok(Self {
            optimizer: AdamW::new(slots.collect(), training.optim.betas, training.optim.multi_tensor),
            schedules: Schedules::new(&training.schedules, training.optim.scaling, global_batch)?,
            local_loss_weight: loss_weight("local loss weight", training.local_loss_weight).transpose()?,
            gram_loss_weight: loss_weight("Gram loss weight", gram_schedule).transpose()?,
            config: config.clone(),
            kind,
            device,
            group: Arc::clone(&sharding.group),
            all: Arc::clone(&sharding.all),
            arch,
            weights,
            gram_updates: 0,
            nans: 0,
        })
    }

    /// The networks as they compute. Only on one rank that computes in the weights' own dtype are their parameters the weights, and only
    /// there do they have values between steps; see [`Trainer::student`].
    pub fn arch(&self) -> &SslMetaArch {
        &self.arch
    }

    /// The student's parameters in the reference's order, with their shapes and with what multiplies learning rate and weight decay.
    pub fn groups(&self) -> impl Iterator<Item = (&str, Vec<i64>, Multipliers)> {
        let student = &self.weights.student;
        let named = student.names().iter().zip(self.optimizer.slots()).enumerate();
        named.map(|(i, (name, slot))| (name.as_str(), student.shape(i), slot.multipliers))
    }

    /// The ranks that train together.
    pub fn group(&self) -> &dyn Group {
        self.group.as_ref()
    }

    /// The optimizer, with this rank's rows of parameters and moments.
    pub fn optimizer(&self) -> &AdamW {
        &self.optimizer
    }

    /// What the schedules say of iteration `it`.
    pub fn settings_at(&self, it: usize) -> Settings {
        self.schedules.at(it)
    }

    /// Takes the step of iteration `it` with `batch`, this rank's, whose crops may be of any dtype. With several ranks, a hook listens on all
    /// or on none: showing a sharded weight gathers its rows from every rank.
    ///
    /// # Errors
    /// See [`TrainError`]. The weights are then as before, unless libtorch threw within the optimizer.
    pub fn step(&mut self, batch: &Batch, it: usize, hooks: &mut Hooks) -> Result<StepLog, TrainError> {
        self.step_in_phases(batch, it, hooks, &mut Phases::none())
    }

    /// The same, which tells `phases` where it is.
    ///
    /// # Errors
    /// As [`Trainer::step`].
    pub fn step_in_phases(
        &mut self,
        batch: &Batch,
        it: usize,
        hooks: &mut Hooks,
        phases: &mut Phases,
    ) -> Result<StepLog, TrainError> {
        let batch = phases.during(Phase::HostToDevice, || {
            self.weights.rest()?;
            Ok::<_, TrainError>(batch.to(self.device, self.kind))
        })?;
        let gram_loaded = phases.during(Phase::Gram, || self.load_gram_if_due(it));
        let settings = self.schedules.at(it);
        let loaded = batch.shown(hooks);
        // What this rank's student computes of it.
        let batch = self.shared(&loaded, phases)?;
        let losses = self.forward(&loaded, &batch, it, &settings, hooks, phases)?;
        self.weights.settled()?;
        phases.during(Phase::Backward, || losses.total.backward());
        hooks.gradients();
        let mut grads = phases.during(Phase::Reduce, || self.weights.student.gradients())?;
        self.show_gradients(&mut grads, hooks)?;
        let norms = phases.during(Phase::Clip, || self.clip(&grads, hooks))?;
        let mut log = phases.during(Phase::Metrics, || self.log(&loaded, &losses, &norms))?;
        phases.during(Phase::Optimizer, || self.optimizer.step(&grads, &settings))?;
        self.show_optimizer(hooks)?;
        phases.during(Phase::Average, || self.update_ema(settings.momentum, hooks))?;
        let gram_updated = phases.during(Phase::Gram, || self.update_gram_if_due(it))?;
        self.show_teachers(gram_loaded || gram_updated, hooks)?;
        (log.gram_loaded, log.gram_updated) = (gram_loaded, gram_updated);
        Ok(log)
    }

    fn forward(
        &self,
        loaded: &Batch,
        batch: &Batch,
        it: usize,
        settings: &Settings,
        hooks: &mut Hooks,
        phases: &mut Phases,
    ) -> Result<Losses, TrainError> {
        let (training, arch) = (&self.config.training, &self.arch);
        let (teacher, (cls_centered, masked_patch_centered)) = phases.during(Phase::Teacher, || {
            let teacher = match training.multi_distillation {
                true => arch.shared_teacher_output(&loaded.global_crops, batch, &self.shares(), hooks)?,
                false => arch.teacher_output(batch, hooks),
            };
            let centered = self.center(&teacher, settings.teacher_temp, batch, hooks)?;
            Ok::<_, TrainError>((teacher, centered))
        })?;
        let student = phases.during(Phase::Student, || arch.student_output(batch, hooks));
        let gram = phases.during(Phase::Gram, || self.gram_output(batch, &teacher, &student, hooks))?;
        let gram_weight = |weight: f64| self.gram_loss_weight.as_ref().map_or(weight, |curve| curve.at(it));
        let targets = Targets {
            cls_centered: &cls_centered,
            masked_patch_centered: &masked_patch_centered,
            local_weight: self.local_loss_weight.as_ref().map_or(1.0, |curve| curve.at(it)),
            gram: training
                .gram
                .as_ref()
                .zip(gram.as_ref())
                .map(|(gram, output)| (gram, output, gram_weight(gram.weight))),
        };
        let group = self.group.as_ref();
        Ok(phases.during(Phase::Losses, || compute_losses(training, batch, &student, &targets, group, hooks))?)
    }

    /// Sinkhorn-Knopp on both heads' logits, shown as `sinkhorn:dino` and `sinkhorn:ibot`: `[2, B, K]` and `[M, K]`.
    fn center(
        &self,
        teacher: &TeacherOutput,
        temperature: f64,
        batch: &Batch,
        hooks: &mut Hooks,
    ) -> Result<(Tensor, Tensor), GroupError> {
        let iterations = hooks.number("sinkhorn", "iterations", sinkhorn::ITERATIONS as f64) as usize;
        let group = self.group.as_ref();
        let cls = sinkhorn_knopp(&teacher.cls_after_head, temperature, Samples::Equal, iterations, group)?;
        let mut count = send(&Tensor::from_slice(&[batch.mask_indices.size()[0]]), self.device, Kind::Int64);
        let counted = Samples::Counted(&mut count);
        let patches = sinkhorn_knopp(&teacher.masked_patch_after_head, temperature, counted, iterations, group)?;
        let cls = hooks.value(EntryKind::Sinkhorn.of("dino"), cls.unflatten(0, [2, batch.images()]));
        Ok((cls, hooks.value(EntryKind::Sinkhorn.of("ibot"), patches)))
    }

    fn gram_output(
        &self,
        batch: &Batch,
        teacher: &TeacherOutput,
        student: &StudentOutput,
        hooks: &mut Hooks,
    ) -> Result<Option<GramOutput>, TrainError> {
        let Some(gram) = &self.config.training.gram else { return Ok(None) };
        if !self.arch.gram_teacher_is_ready() {
            return Err(TrainError::GramTeacher);
        }
        self.arch.gram_output(gram, batch, teacher, student, hooks).map(Some).ok_or(TrainError::GramTeacher)
    }

    /// Clips in place, a submodule at a time; the norms before, under the submodules' names and shown as `grad_norm:<submodule>`. None
    /// without `optim.clip_grad`.
    fn clip(&self, grads: &[Option<Tensor>], hooks: &mut Hooks) -> Result<Vec<(&'static str, Tensor)>, ClipError> {
        let Some(max_norm) = self.config.training.optim.clip_grad else { return Ok(Vec::new()) };
        let group = self.group.as_ref();
        let present = |grads: &[Option<Tensor>]| grads.iter().flatten().map(Tensor::shallow_clone).collect::<Vec<_>>();
        let mut rest = grads;
        let mut norms = Vec::with_capacity(SUBMODULES.len());
        for (submodule, count) in SUBMODULES.into_iter().zip(self.weights.counts) {
            let (own, others) = rest.split_at(count);
            let name = EntryKind::GradNorm.of(submodule);
            norms.push((submodule, clip_grad_norm_(&present(own), max_norm, group, name, hooks)?));
            rest = others;
        }
        Ok(norms)
    }
}
