//! One rank of a round.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dinov3_config::SslConfig;
use dinov3_ranks::{Env, Group, GroupError, Options, ProcessGroup};
use dinov3_torch::device::Device;
use dinov3_torch::runtime;
use dinov3_train::shard::Sharding;
use dinov3_train::{TrainError, Trainer};
use dinov3_vit::hook::Hooks;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tch::Kind;

use super::Arguments;
use crate::failure::{FAILED, Failure};
use crate::json::write;
use crate::training::{BATCHES, ITERATION, draw, peak_bytes};

/// The exit code of a rank that fails because another rank did.
pub(super) const CONSEQUENCE: u8 = 4;

/// For how long ranks wait for each other.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a rank measures.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The total loss of the last step, over all ranks.
    pub last_loss: f64,
    /// Steps on the clock.
    pub steps: u32,
    /// What they took.
    pub seconds: f64,
    /// The most memory that the process has had resident.
    pub peak_bytes: u64,
    /// What of it was there before the model was built.
    pub libraries_bytes: u64,
    /// What it keeps between steps.
    pub rest_bytes: u64,
    /// What it sent in a step.
    pub sent_bytes: u64,
    /// Elements of the student's parameters, whole.
    pub parameters: u64,
}

/// The name of the file with a rank's figures.
pub(super) fn figures_file(rank: usize) -> String {
    format!("{rank}.json")
}

/// Measures as the rank that the environment names, and leaves the figures in a folder.
///
/// # Errors
/// The recipe cannot be read or trained, another rank is gone, or the file cannot be written.
pub(super) fn measure_into(folder: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let env = Env::from_torchrun().map_err(|error| failed(arguments, FAILED, &error))?;
    write(&folder.join(figures_file(env.rank)), &json!(measure(&env, arguments)?))
}

fn failed(arguments: &Arguments, code: u8, error: &dyn std::fmt::Display) -> Failure {
    let message = format!("{} cannot be trained: {error}", arguments.recipe.name());
    Failure::new(code, message, "look at the other ranks too")
}

/// Builds, warms up, and takes the steps on the clock, in this process.
///
/// # Errors
/// The recipe cannot be read or trained, or another rank is gone.
fn measure(env: &Env, arguments: &Arguments) -> Result<Measured, Failure> {
    let recipe = arguments.recipe;
    let wrong = |error: &dyn std::fmt::Display| failed(arguments, FAILED, error);
    let gone = |error: GroupError| failed(arguments, CONSEQUENCE, &error);
    runtime::keep_freed_memory();
    runtime::set_threads((arguments.threads / env.world_size as u32).max(1));
    let recorded = recipe.recorded()?;
    let libraries_bytes = peak_bytes()?;
    let group = ProcessGroup::join(env, Options::new(PATIENCE, PATIENCE)).map_err(gone)?;
    let mut config = SslConfig::from_merged(&recorded.config).map_err(|error| wrong(&error))?;
    let images = recipe.images() / env.world_size as i64;
    config.training.batch_size_per_gpu = images;
    let sharding = Sharding {
        reshard_after_forward: arguments.reshard,
        ..Sharding::over(Arc::new(group.clone()) as Arc<dyn Group>)
    };
    let mut trainer = Trainer::sharded(&config, Kind::Float, Device::Cpu, &sharding).map_err(|error| wrong(&error))?;
    runtime::manual_seed(recorded.seed);
    trainer.init_weights();
    let batches =
        draw(&recorded, &config, images, env.rank as u64).map_err(|key| wrong(&format!("`{key}` is no size")))?;
    runtime::manual_seed(recorded.seed + 2);

    let mut step = |number: usize| {
        let log = trainer.step(&batches[number % BATCHES], ITERATION + number, &mut Hooks::none());
        log.map(|log| f64::from(log.metrics[0].1)).map_err(|error| match error {
            TrainError::Group(error) => gone(error),
            error => wrong(&error),
        })
    };
    let (first, end) = (recipe.warm_up(), recipe.warm_up() + recipe.steps());
    (0..first).try_for_each(|number| step(number).map(drop))?;
    group.barrier().map_err(gone)?;
    let (start, sent) = (Instant::now(), group.bytes_sent());
    let timed = (first..end).map(&mut step).collect::<Result<Vec<_>, _>>()?;
    let seconds = start.elapsed().as_secs_f64();
    let sent_bytes = (group.bytes_sent() - sent) / recipe.steps() as u64;
    Ok(Measured {
        last_loss: timed[timed.len() - 1],
        steps: recipe.steps() as u32,
        seconds,
        peak_bytes: peak_bytes()?,
        libraries_bytes,
        rest_bytes: trainer.bytes_at_rest() as u64,
        sent_bytes,
        parameters: trainer.student_elements(),
    })
}
