//! Whole steps. That they are the reference's, bit for bit, is what the suite `training` shows on golden sets.

use std::sync::Arc;

use dinov3_config::SslConfig;
use dinov3_ranks::{Alone, ReduceOp, threads};
use dinov3_torch::device::Device;
use dinov3_torch::runtime;
use dinov3_train::shard::Sharding;
use dinov3_train::{TrainError, Trainer};
use dinov3_vit::hook::{Hook, Hooks};
use dinov3_vit::module::Module;
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use crate::fixture::{batch, merged_config, stream};

fn trainer(config: &Value, kind: Kind) -> Trainer {
    let config = SslConfig::from_merged(config).unwrap();
    let mut trainer = Trainer::new(&config, kind, Device::Cpu, Arc::new(Alone)).unwrap();
    runtime::manual_seed(0);
    trainer.init_weights();
    trainer.warm(0.02);
    trainer
}

struct Keep(Vec<Tensor>);

impl Hook for Keep {
    fn tensor(&mut self, _: &str, value: &Tensor) -> Option<Tensor> {
        self.0.push(value.shallow_clone());
        None
    }

    fn operand(&mut self, _: &str, value: &Tensor) -> Option<Tensor> {
        self.0.push(value.shallow_clone());
        None
    }
}

/// A hook that keeps every tensor and every operand does not change a bit of the step, nor of the next one.
#[test]
fn observing_a_step_changes_nothing() {
    let _stream = stream();
    let batch = batch();
    let run = |observed: bool| {
        let mut trainer = trainer(&merged_config(), Kind::Float);
        let mut keep = Keep(Vec::new());
        runtime::manual_seed(2);
        for it in 60..63 {
            let hooks = &mut if observed { Hooks::to(&mut keep) } else { Hooks::none() };
            trainer.step(&batch, it, hooks).unwrap();
        }
        trainer.arch().student.state_dict()
    };
    for ((name, _, with), (_, _, without)) in run(true).into_iter().zip(run(false)) {
        assert_eq!(with, without, "{name}");
    }
}

/// Keeping freed memory changes where tensors lie, and not what is in them.
#[test]
fn kept_memory_changes_nothing() {
    let _stream = stream();
    let batch = batch();
    let run = || {
        let mut trainer = trainer(&merged_config(), Kind::Float);
        runtime::manual_seed(2);
        trainer.step(&batch, 60, &mut Hooks::none()).unwrap().metrics
    };
    let before = run();
    runtime::keep_freed_memory();
    assert_eq!((run(), run()), (before.clone(), before));
}

/// Mixed precision computes in bf16 and keeps weights and moments in fp32.
#[test]
fn mixed_precision_steps_fp32_weights() {
    let _stream = stream();
    let mut trainer = trainer(&merged_config(), Kind::BFloat16);
    let before: Vec<Tensor> = trainer.student().unwrap().into_iter().map(|(_, tensor)| tensor.copy()).collect();
    let mut kinds = Vec::new();
    let mut observer = |name: &str, value: &Tensor| {
        if ["grad:", "exp_avg", "param:"].iter().any(|prefix| name.starts_with(prefix)) {
            kinds.push(value.kind());
        }
    };
    trainer.step(&batch(), 60, &mut Hooks::to(&mut observer)).unwrap();
    assert!(kinds.iter().all(|kind| *kind == Kind::Float) && !kinds.is_empty());
    let moved = trainer.student().unwrap().into_iter().zip(before);
    assert!(moved.filter(|((_, now), before)| now != before).count() > 50);
}

/// Everything that ranks as threads of this process have after some steps, put together on each.
fn after_steps(ranks: usize, kind: Kind, reshard_after_forward: bool, op: ReduceOp) -> Vec<Vec<Tensor>> {
    let mut config = merged_config();
    config["student"]["drop_path_rate"] = json!(0.0);
    let config = SslConfig::from_merged(&config).unwrap();
    let batch = batch();
    std::thread::scope(|scope| {
        let running: Vec<_> = threads(ranks)
            .into_iter()
            .map(|group| {
                let sharding = Sharding { reshard_after_forward, gradient_op: op, ..Sharding::over(group) };
                let mut trainer = Trainer::sharded(&config, kind, Device::Cpu, &sharding).unwrap();
                runtime::manual_seed(0);
                trainer.init_weights();
                let batch = batch.to(Device::Cpu, kind);
                scope.spawn(move || {
                    runtime::set_threads(1);
                    for it in 60..62 {
                        let log = trainer.step(&batch, it, &mut Hooks::none()).unwrap();
                        let images =
                            |(name, value): &(String, f32)| name == "global_batch_size" && *value == 2.0 * ranks as f32;
                        assert!(log.metrics.iter().any(images));
                    }
                    let all = trainer.student().unwrap().into_iter().chain(trainer.teacher().unwrap());
                    all.map(|(_, tensor)| tensor).collect::<Vec<_>>()
                })
            })
            .collect();
        running.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

/// Ranks put the same weights together. At four ranks some have no rows of some parameters.
#[test]
fn ranks_stay_together() {
    let _stream = stream();
    for ranks in [2, 4] {
        let weights = after_steps(ranks, Kind::Float, false, ReduceOp::PremulSum(1.0));
        assert!(weights.iter().all(|it| it == &weights[0]), "every one of {ranks} ranks has the same weights");
        assert!(weights[0].iter().all(|it| it.isfinite().all().int64_value(&[]) == 1), "none is left uninitialised");
    }
}

/// Parameters that go after forward come back for backward as they were; and alone, mixed precision is sharded over one rank.
#[test]
fn resharding_after_forward_changes_no_bit() {
    let _stream = stream();
    for (ranks, kind) in [(2, Kind::Float), (2, Kind::BFloat16), (1, Kind::BFloat16)] {
        let run = |reshard| after_steps(ranks, kind, reshard, ReduceOp::PremulSum(1.0));
        assert!(run(true) == run(false), "{ranks} ranks, {kind:?}");
    }
}

/// What gradients are put together by reaches the weights, and at factor 1 it is a sum.
#[test]
fn the_factor_of_premul_sum_reaches_the_weights() {
    let _stream = stream();
    let run = |op| after_steps(2, Kind::Float, false, op).remove(0);
    let sum = run(ReduceOp::Sum);
    assert!(run(ReduceOp::PremulSum(1.0)) == sum);
    assert!(run(ReduceOp::PremulSum(0.5)) != sum);
}

/// Three losses in a row that are no numbers end the run, and say on which rank; two do not.
#[test]
fn too_many_nans_end_the_run() {
    let _stream = stream();
    let mut trainer = trainer(&merged_config(), Kind::Float);
    let batch = batch();
    let _ = batch.global_crops.shallow_clone().fill_(f64::NAN);
    for it in 60..62 {
        trainer.step(&batch, it, &mut Hooks::none()).unwrap();
    }
    let error = trainer.step(&batch, 62, &mut Hooks::none()).unwrap_err();
    assert!(matches!(&error, TrainError::TooManyNans { count: 3, ranks, .. } if ranks == &[0]), "{error}");
}
