//! A run of milliseconds a step in which everything lasts that can, for tests: stochastic depth, images of two sizes from a loader, a Gram teacher whose updates are counted.

use std::sync::Arc;

use dinov3_config::SslConfig;
use dinov3_config::micro::merged_config;
use dinov3_data::config::{DataConfig, Ranks};
use dinov3_data::dataset::{Dataset, ReadError};
use dinov3_data::loader::Start;
use dinov3_ranks::Group;
use dinov3_torch::device::Device;
use dinov3_torch::runtime;
use serde_json::{Value, json};
use tch::Kind;

use crate::Trainer;
use crate::meters::Meters;
use crate::run::{Images, Kept, Never, NoCheckpoints, Run, Wall};

const PHOTOGRAPHS: [&[u8]; 3] = [
    include_bytes!("../../../golden/photographs/astronaut.jpg"),
    include_bytes!("../../../golden/photographs/chelsea.jpg"),
    include_bytes!("../../../golden/photographs/coffee.jpg"),
];

/// A dataset of thirteen images, one of them truncated.
struct Album;

impl Dataset for Album {
    fn len(&self) -> usize {
        13
    }

    fn read(&self, index: usize) -> Result<Vec<u8>, ReadError> {
        let photograph = PHOTOGRAPHS[index % 3];
        let whole = if index == 4 { photograph.len() / 2 } else { photograph.len() };
        Ok(photograph[..whole].to_vec())
    }

    fn name_of(&self, index: usize) -> String {
        format!("album/{index}.jpg")
    }
}

/// A config with two resolutions, stochastic depth and three streams of the loader. The Gram teacher takes new weights after iterations 1 and
/// 3, and never again.
pub fn config() -> Value {
    let mut config = merged_config();
    for (pointer, value) in [
        ("/student/drop_path_rate", json!(0.3)),
        ("/crops/global_crops_size", json!([32, 48])),
        ("/crops/local_crops_size", json!([16, 24])),
        ("/crops/gram_teacher_crops_size", json!([48, 64])),
        ("/crops/global_local_crop_pairs_ratios", json!([0.5, 0.5])),
        ("/train/num_workers", json!(3)),
        ("/gram/use_loss", json!(true)),
        ("/gram/ckpt", json!("seed")),
        ("/gram/rep_update", json!(true)),
        ("/gram/it_first_update", json!(2)),
        ("/gram/update_frequency", json!(2)),
        ("/gram/max_updates", json!(2)),
    ] {
        *config.pointer_mut(pointer).expect("a config of this module") = value;
    }
    config
}

/// The run, which keeps its log and saves nothing by itself.
pub type MicroRun = Run<Images, NoCheckpoints, Kept, Wall, Never>;

/// Before its first iteration, drawn and started from `seed`. Threads and what they make ahead differ by seed, and decide nothing.
///
/// # Panics
/// When the config is none that can be trained.
pub fn run(config: &Value, kind: Kind, group: &Arc<dyn Group>, seed: u64) -> MicroRun {
    let ssl = SslConfig::from_merged(config).expect("a config of this module");
    let mut trainer = Trainer::new(&ssl, kind, Device::Cpu, Arc::clone(group)).expect("a config of this module");
    runtime::manual_seed(seed);
    trainer.init_weights();
    trainer.warm(0.02);
    trainer.init_gram_teacher(0.02);
    runtime::manual_seed(seed + group.rank() as u64);
    let data = DataConfig::from_merged(config, Ranks { world: group.size(), subgroup: group.size() })
        .expect("a config of this module");
    let start = Start {
        rank: group.rank(),
        world: group.size(),
        iteration: 0,
        threads: 1 + seed as usize % 2,
        prefetch: 1 + seed as usize % 3,
        broken_limit: 3,
    };
    Run {
        trainer,
        loader: Images::new(data, Arc::new(Album), start, Arc::new(|_| ())),
        checkpoints: NoCheckpoints,
        log: Kept::default(),
        clock: Wall::default(),
        stop: Never,
        meters: Meters::new(),
        it: 0,
    }
}
