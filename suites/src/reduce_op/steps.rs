//! End to end: training steps of two ranks under several reductions of gradients, and a comparison of their weights.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use dinov3_config::SslConfig;
use dinov3_config::micro::merged_config;
use dinov3_ranks::{Failure, Group, GroupError, ReduceOp};
use dinov3_torch::device::{Device, host};
use dinov3_torch::runtime;
use dinov3_train::shard::Sharding;
use dinov3_train::{TrainError, Trainer};
use dinov3_vit::hook::Hooks;
use dinov3_vit::micro::batch;
use serde::{Deserialize, Serialize};
use tch::Kind;

use super::Tested;
use crate::SuiteError;
use crate::session::gather;

/// The ops, in the order of the weights' hashes: the last is the control.
const OPS: [ReduceOp; 3] = [ReduceOp::Sum, ReduceOp::PremulSum(1.0), ReduceOp::PremulSum(0.5)];

/// The iterations, after the first, whose learning rate is 0.
const ITERATIONS: std::ops::Range<usize> = 5..9;

/// The number of steps.
pub(super) const STEPS: usize = ITERATIONS.end - ITERATIONS.start;

/// The number of ranks that take them.
pub(super) const RANKS: usize = 2;

/// Hashes of the weights on one rank after the steps; none for an op that the group refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Left {
    pub(super) sum: Option<i64>,
    /// Under factor 1.
    pub(super) one: Option<i64>,
    /// Under factor 1/2.
    pub(super) half: Option<i64>,
}

/// The outcome of the steps.
pub(super) enum Trained {
    /// The weights of each rank.
    Left(Vec<Left>),
    /// There are fewer ranks than [`RANKS`].
    TooFewRanks,
    /// The backend is for a device that the trainer does not compute on.
    NoTrainer {
        /// The device.
        device: String,
    },
}

/// Trains under each op.
///
/// # Errors
/// If a rank is gone or late, or the trainer fails.
pub(super) fn train(world: &Tested, seed: u64) -> Result<Trained, SuiteError> {
    let Tested { group, backend, control } = world;
    let device = match backend.device() {
        device @ Device::Other(_) => return Ok(Trained::NoTrainer { device: device.to_string() }),
        device => device,
    };
    let config = SslConfig::from_merged(&merged_config()).expect("the defaults at micro size are a whole config");
    let mut hashes = [None; OPS.len()];
    for (hash, op) in hashes.iter_mut().zip(OPS) {
        match weights_after(&config, group, op, device, seed) {
            Ok(left) => *hash = Some(left),
            Err(TrainError::Group(GroupError { failure: Failure::Op { .. }, .. })) => {}
            Err(TrainError::Group(error)) => return Err(error.into()),
            Err(error) => return Err(SuiteError::Steps(error)),
        }
    }
    let [sum, one, half] = hashes;
    Ok(Trained::Left(gather(control, &Left { sum, one, half })?))
}

/// A hash of the student's and the teacher's weights after all steps, gathered on this rank.
fn weights_after(
    config: &SslConfig,
    group: &Arc<dyn Group>,
    op: ReduceOp,
    device: Device,
    seed: u64,
) -> Result<i64, TrainError> {
    let sharding = Sharding { gradient_op: op, ..Sharding::over(Arc::clone(group)) };
    let mut trainer = Trainer::sharded(config, Kind::Float, device, &sharding)?;
    runtime::manual_seed(seed);
    trainer.init_weights();
    trainer.warm(0.02);
    for it in ITERATIONS {
        let batch = batch(seed + 1 + (RANKS * it + group.rank()) as u64);
        trainer.step(&batch, it, &mut Hooks::none())?;
    }
    let mut hash = DefaultHasher::new();
    for (_, parameter) in trainer.student()?.into_iter().chain(trainer.teacher()?) {
        let values = Vec::<f32>::try_from(host(&parameter).flatten(0, -1)).expect("weights are fp32 on the host");
        values.iter().for_each(|value| hash.write_u32(value.to_bits()));
    }
    Ok(hash.finish() as i64)
}
