//! What sharding promises: a rank keeps its share of the weights and of the optimizer's state, and sends what the formula says.

use std::sync::Arc;
use std::time::Duration;

use dinov3_config::SslConfig;
use dinov3_ranks::{Group, ProcessGroup};
use dinov3_torch::runtime;
use dinov3_train::Trainer;
use dinov3_train::shard::Sharding;
use dinov3_vit::hook::Hooks;
use tch::{Device, Kind};

use super::{join, run, said_by_all, say};
use crate::fixture::{batch, merged_config};

#[test]
fn ranks_keep_their_share_and_send_what_the_formula_says() {
    for world in [2, 4] {
        let said = said_by_all(run("traffic", &(0..world).collect::<Vec<_>>(), world));
        // Each rank says how many bytes it keeps, and how many all would without sharding.
        let of = |rank: usize, i: usize| said[rank][i].parse::<u64>().unwrap();
        let kept: u64 = (0..world).map(|rank| of(rank, 0)).sum();
        assert_eq!(kept, of(0, 1), "all ranks together keep every number once");
        assert!(of(0, 0) < of(0, 1) * 11 / (10 * world as u64), "rank 0 keeps {} of {}", of(0, 0), of(0, 1));
    }
}

pub(super) fn rank() {
    let group = join(Duration::from_secs(10), Duration::from_secs(20)).unwrap();
    let fp32 = step(&group, Kind::Float, false);
    say(fp32.bytes_at_rest());
    // Weights, average and two moments, four bytes each.
    say(16 * fp32.student_elements());
    step(&group, Kind::Float, true);
    step(&group, Kind::BFloat16, false);
    step(&group, Kind::BFloat16, true);
    group.barrier().unwrap();
}

/// One step that nobody observes, and what was sent in it: student and teacher gathered in the dtype that computes, the student once more where
/// it is resharded, gradients scattered in fp32, and next to nothing else (Sinkhorn-Knopp, norms, metrics).
fn step(group: &ProcessGroup, kind: Kind, reshard_after_forward: bool) -> Trainer {
    let mut config = merged_config();
    config["student"]["drop_path_rate"] = serde_json::json!(0.0);
    let config = SslConfig::from_merged(&config).unwrap();
    let sharding = Sharding { reshard_after_forward, ..Sharding::over(Arc::new(group.clone())) };
    let mut trainer = Trainer::sharded(&config, kind, Device::Cpu, &sharding).unwrap();
    runtime::manual_seed(0);
    trainer.init_weights();
    let ranks = group.size() as u64;
    let shapes = trainer.student().unwrap().into_iter().map(|(_, tensor)| tensor.size());
    let shard = |shape: Vec<i64>| (shape[0] as u64).div_ceil(ranks) * shape[1..].iter().product::<i64>() as u64;
    let shards: u64 = shapes.map(shard).sum();
    let gathers = if reshard_after_forward { 3 } else { 2 };
    let formula = (ranks - 1) * shards * (gathers * kind.elt_size_in_bytes() as u64 + 4);
    let before = group.bytes_sent();
    trainer.step(&batch(), 60, &mut Hooks::none()).unwrap();
    let sent = group.bytes_sent() - before;
    let wanted = formula..=formula + formula / 50;
    assert!(wanted.contains(&sent), "{kind:?}, {ranks} ranks: sent {sent}, the formula says {formula}");
    trainer
}
