//! What a rank needs memory for, besides its steps.

use std::sync::Arc;

use dinov3_config::SslConfig;
use dinov3_ranks::Group;
use dinov3_torch::runtime;
use dinov3_train::Trainer;
use serde_json::json;
use tch::{Device, Kind};

use super::{of_all, run, said_by_all, say};
use crate::fixture::merged_config;

const RANKS: usize = 4;

/// A network that is too large for one machine is never whole on any: a rank draws all of it, and keeps its rows block by block.
///
/// Seen red: where the whole is drawn first and its rows taken then, it takes 103 % of the student instead of 16 %.
#[test]
fn a_fresh_network_is_never_whole_on_a_rank() {
    let ranks: Vec<usize> = (0..RANKS).collect();
    for said in said_by_all(run("initialised", &ranks, RANKS)) {
        let [grown, student] = said[0].split(' ').map(|it| it.parse::<f64>().unwrap()).collect::<Vec<_>>()[..] else {
            panic!("{said:?}")
        };
        // A block, a twelfth of the student's, and what drawing it takes; the rows were there before.
        assert!(grown < 0.5 * student, "{grown} KiB more for a student of {student}");
    }
}

pub(super) fn initialised() {
    let mut config = merged_config();
    config["student"] = json!({"arch": "vit_small", "patch_size": 16});
    let full = dinov3_config::defaults::defaults();
    for (key, value) in full["student"].as_object().into_iter().flatten() {
        if !["arch", "patch_size"].contains(&key.as_str()) {
            config["student"][key] = value.clone();
        }
    }
    let config = SslConfig::from_merged(&config).unwrap();
    let group = of_all();
    let mut trainer = Trainer::new(&config, Kind::Float, Device::Cpu, Arc::new(group.clone())).unwrap();
    runtime::manual_seed(0);
    let before = kibibytes("VmRSS:");
    trainer.init_weights();
    let grown = kibibytes("VmHWM:") - before;
    say(format!("{grown} {}", trainer.student_elements() * 4 / 1024));
    group.barrier().unwrap();
    assert_eq!(group.size(), RANKS);
}

/// Of this process's memory.
fn kibibytes(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
