//! Repeating a training set: from its start, step by step, on as many ranks as recorded it.

use std::collections::HashMap;
use std::sync::Arc;

use dinov3_config::SslConfig;
use dinov3_golden::manifest::Training;
use dinov3_golden::{GoldenSet, Precision, Stage, TensorFile};
use dinov3_ranks::{Alone, Group};
use dinov3_torch::device::Device;
use dinov3_torch::runtime;
use dinov3_train::shard::Sharding;
use dinov3_train::{TrainError, Trainer};
use dinov3_vit::hook::{Hook, Hooks};
use tch::Tensor;

use super::seats::{self, Seat};
use super::{battery, inputs, meters, steps};
use crate::judging::replay::{Notes, Replay, config, tensor_of};
use crate::{Ranks, SuiteError};

/// What in the state is no tensor of the trainer: where the host's random stream stands.
const RNG: &str = "rng";

/// Replays `set` and shows every tensor that the recording could hold to `hook`, under the names of the set's entries. Its ranks are threads of
/// this process; or `ranks`, each of which calls this, and sees the same.
///
/// # Errors
/// When the recipe cannot be replayed, an input is missing or misshapen, the trainer fails, or a rank is gone.
pub fn run(set: &GoldenSet, replay: &Replay, ranks: Option<&Ranks>, hook: &mut dyn Hook) -> Result<(), SuiteError> {
    let recipe = &set.manifest().recipe;
    if recipe.loss_battery.is_some() {
        return battery::run(set, replay, hook);
    }
    let Some(training) = &recipe.training else {
        return Err(SuiteError::NoSteps { set: set.manifest().name.clone() });
    };
    let planned = trained_config(set, training, replay)?;
    let seats = seats::of(set, training, replay, ranks, &planned)?;
    let trainers = start(set, training, replay, seats)?;
    trainers[0].show_groups(&mut Hooks::to(hook));
    trainers[0].show_schedules(&mut Hooks::to(hook));
    let batches = inputs::batches(set, training, &config(set)?)?;
    let free_run = replay.free_run && has_trajectory(set, replay);
    let count = if free_run { training.steps } else { 1 };
    let iterations = training.iteration..training.iteration + count;
    let first = ranks.map_or(0, |it| it.trains.rank());
    let ranks_together = recipe.world_size as usize;
    let planted = || replay.planted(&planned, ranks_together);
    let modules = training.activations;
    let plan = steps::Plan { modules, iterations, first, ranks: ranks_together, free_run, planted: &planted };
    steps::take(&plan, &batches, trainers, hook).map_err(|source| not_taken(set, source))?;
    if !training.students.is_empty() {
        // The reference sums up the meters of all students, and one of them is recorded.
        return Ok(());
    }
    meters::show(set, replay, ranks.map(|it| &it.all), hook)
}

/// A rank that is gone says nothing against the set.
fn not_taken(set: &GoldenSet, source: TrainError) -> SuiteError {
    match source {
        TrainError::Group(error) => error.into(),
        source => SuiteError::Train { set: set.manifest().name.clone(), source },
    }
}

/// Whether the set recorded several steps in a row at this precision.
fn has_trajectory(set: &GoldenSet, replay: &Replay) -> bool {
    let entries = &set.manifest().entries;
    entries.iter().any(|entry| entry.stage == Stage::Trajectory && entry.records.get(replay.precision).is_some())
}

/// A trainer of one rank, in float32, as it stands before the first step of a set of any number of ranks, and its config.
///
/// # Errors
/// As [`run`].
pub(crate) fn before(set: &GoldenSet, training: &Training) -> Result<(SslConfig, Trainer), SuiteError> {
    let (precision, device, notes) = (Precision::Fp32, Device::Cpu, Notes::default());
    let replay = Replay { precision, device, plant: None, free_run: false, notes };
    let config = trained_config(set, training, &replay)?;
    let seat = Seat { config: config.clone(), sharding: Sharding::over(Arc::new(Alone)) };
    let mut trainers = start(set, training, &replay, vec![seat])?;
    Ok((config, trainers.remove(0)))
}

/// A trainer a rank, as they stand before the first step. Each draws the same stream from its seed, as ranks that are processes do.
fn start(set: &GoldenSet, training: &Training, replay: &Replay, seats: Vec<Seat>) -> Result<Vec<Trainer>, SuiteError> {
    let recipe = &set.manifest().recipe;
    let parts = replay.plant.map(|plant| plant.parts()).unwrap_or_default();
    let state = set.state()?;
    let start = |Seat { config, sharding }: Seat| {
        let trainer = Trainer::with_parts(&config, replay.kind(), replay.device, &sharding, &parts);
        let mut trainer = trainer.map_err(|source| not_taken(set, source))?;
        runtime::manual_seed(recipe.seed);
        trainer.init_weights();
        if recipe.warm > 0.0 {
            runtime::manual_seed(recipe.seed + 1);
            trainer.warm(recipe.warm);
        }
        if !training.students.is_empty() {
            runtime::manual_seed(recipe.seed + 4);
            trainer.init_frozen_teacher(recipe.warm);
        }
        runtime::manual_seed(recipe.seed + 3);
        trainer.init_gram_teacher(recipe.warm);
        trainer.start_at(training.iteration);
        match state {
            Some(file) => load(set, file, training.updates, &mut trainer)?,
            None => runtime::manual_seed(recipe.seed + 2),
        }
        Ok(trainer)
    };
    seats.into_iter().map(start).collect()
}

/// The config of `set` with its distillation's teacher, and what is planted.
fn trained_config(set: &GoldenSet, training: &Training, replay: &Replay) -> Result<SslConfig, SuiteError> {
    with_teacher(set, training, replay.config(set)?)
}

/// A config with the distillation's teacher of `set`, if it has one.
pub(super) fn with_teacher(set: &GoldenSet, training: &Training, config: SslConfig) -> Result<SslConfig, SuiteError> {
    let Some(teacher) = &training.teacher_config else { return Ok(config) };
    config.with_teacher(teacher).map_err(|source| SuiteError::Config { set: set.manifest().name.clone(), source })
}

/// Puts a trainer into the recorded state, and the host's random stream where it stood.
fn load(set: &GoldenSet, file: &TensorFile, updates: u64, trainer: &mut Trainer) -> Result<(), SuiteError> {
    let name = || set.manifest().name.clone();
    let read = |tensor: &str| file.get(tensor).map(tensor_of);
    let tensors: HashMap<String, Tensor> =
        file.names().filter(|tensor| *tensor != RNG).filter_map(|it| Some((it.to_owned(), read(it)?))).collect();
    trainer.load_recorded(tensors, updates).map_err(|source| SuiteError::State { set: name(), source })?;
    let rng = read(RNG).ok_or_else(|| SuiteError::Input {
        set: name(),
        input: RNG.to_owned(),
        reason: "the state has no such tensor".to_owned(),
    })?;
    runtime::set_rng_state(&rng).map_err(|source| SuiteError::Input {
        set: name(),
        input: RNG.to_owned(),
        reason: source.to_string(),
    })
}
