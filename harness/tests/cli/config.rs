//! `config`.

use std::fs;

use dinov3_config::yaml;
use serde_json::Value;

use crate::support::{Outcome, Place, check};

/// A small recipe, with slips in it.
const RECIPE: &str = "\
student: {arch: vit_small, drop_path: 0.1, patch_drop: 0.0}
optim: &optim
  lr: 2e-3
  epochs: 010
  warmup_epochs: 1
  min_lr: ${optim.lr}
optm: *optim
teacher: {momentum_teacher: '???', in_chans: 1}
";

const STUDENTS: &str = "\
multidistillation:
  enabled: true
  global_batch_size: 24
  students:
  - {name: small, config_path: small.yaml, ranks_range: [0, 2]}
  - {name: base, config_path: base.yaml, ranks_range: [2, 5]}
";

fn place() -> Place {
    let place = Place::empty();
    fs::write(place.path("recipe.yaml"), RECIPE).unwrap();
    fs::write(place.path("students.yaml"), STUDENTS).unwrap();
    fs::write(place.path("small.yaml"), "student: {arch: vit_small}\n").unwrap();
    fs::write(place.path("base.yaml"), "student: {arch: vit_base}\n").unwrap();
    place
}

/// The config on standard output, which must be the same in both formats.
fn printed(place: &Place, line: &str) -> Value {
    let yaml = place.run(line).stdout;
    let json = place.run(&format!("{line} --format json")).stdout;
    let config: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(yaml::parse("standard output", &yaml).unwrap().to_string(), config.to_string(), "{line}");
    config
}

/// What is said beside the config.
fn beside(mut outcome: Outcome) -> Outcome {
    assert!(outcome.stdout.contains("MODEL"), "{}", outcome.transcript());
    outcome.stdout = "...\n".to_owned();
    outcome
}

#[test]
fn help() {
    check("help-config", &[Place::empty().run("config --help")]);
}

#[test]
fn the_defaults() {
    check("config", &[Place::empty().run("config")]);
}

#[test]
fn a_file_and_overrides() {
    let config = printed(&place(), "config recipe.yaml optim.epochs=1_000 train.compile=off crops.rgb_mean=[0,0,0]");
    for (key, value) in [
        ("/student/arch", "\"vit_small\""),
        ("/optim/lr", "0.002"),
        ("/optim/min_lr", "0.002"),
        ("/optim/epochs", "1000"),
        ("/optm/epochs", "8"),
        ("/train/compile", "false"),
        ("/crops/rgb_mean", "[0,0,0]"),
        ("/crops/rgb_std", "[0.229,0.224,0.225]"),
    ] {
        assert_eq!(config.pointer(key).unwrap().to_string(), value, "{key}");
    }
}

#[test]
fn what_is_worth_knowing_stands_beside_the_config() {
    let place = place();
    let lines = ["config recipe.yaml", "config studnt.arch=vit_small nonsense=1", "config student.fp8_enabled=true"];
    check("config-beside", &lines.map(|line| beside(place.run(line))));
}

/// What a person gives by mistake, and what the reference takes.
#[test]
fn doors_lead_where_the_reference_s_lead() {
    let place = place();
    let refused = [
        "config student.resume_from_teacher_chkpt=112499",
        "config student.resume_from_teacher_chkpt=7e12",
        "config distillation.checkpoint_path=112499 gram.ckpt=7e12",
        "config optim.epochs=1",
        "config crops.global_crops_size=[256,128]",
        "config student.ffn_layer=swiglufused student.norm_layer=layernormfp32",
        "config student.norm_layer=layernormfp32",
        "config dino.koleo_loss_distributed=true dino.koleo_distributed_loss_group_size=16 train.batch_size_per_gpu=6",
        "config dino.koleo_loss_distributed=1 dino.koleo_distributed_loss_group_size=128 --world-size 3",
        "config compute_precision.reduce_dtype=bf32",
        "config compute_precision.reduce_dtype=bf16",
        "config distillation.enabled=1",
        "config optim.lr=abc",
        "config optim=3",
        "config schedules=null",
    ];
    let accepted = [
        "config optim.epochs=1 optim.warmup_epochs=1",
        "config --world-size 8",
        "config recipe.yaml teacher.momentum_teacher=0.99 student.arch=vit_large --world-size 8",
        "config crops.global_crops_size=[256,128] crops.local_crops_size=[96,96] crops.gram_teacher_crops_size=[null,null] crops.global_local_crop_pairs_ratios=[0.5,0.5]",
        "config distillation.enabled=1 distillation.checkpoint_path=ignore distillation.full_cfg_path=base.yaml student.arch=vit_small",
        "config distillation.enabled=1 distillation.checkpoint_path=ignore distillation.full_cfg_path=nowhere.yaml",
    ];
    let refused = refused.map(|line| beside(place.run(line)));
    let accepted = accepted.map(|line| beside(place.run(line)));
    assert!(refused.iter().all(|outcome| outcome.code == 2) && accepted.iter().all(|outcome| outcome.code == 0));
    check("config-doors", &refused.into_iter().chain(accepted).collect::<Vec<_>>());
}

/// Every training config that the reference publishes, from the record of its keys.
#[test]
fn every_published_config() {
    let record = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/config/tests/it/published.json");
    let record: Value = serde_json::from_str(&fs::read_to_string(record).unwrap()).unwrap();
    let place = Place::empty();
    let mut outcomes = Vec::new();
    for published in record.as_array().unwrap() {
        let mut config = Value::Object(serde_json::Map::new());
        for (key, value) in published["differs"].as_object().unwrap() {
            let mut at = &mut config;
            for part in key.split('.') {
                if !at.is_object() {
                    *at = Value::Object(serde_json::Map::new());
                }
                at = &mut at[part];
            }
            *at = value.clone();
        }
        let name = published["file"].as_str().unwrap().replace('/', "-");
        fs::write(place.path(&name), yaml::to_yaml(&config)).unwrap();
        outcomes.push(beside(place.run(&format!("config {name}"))));
        if published["differs"].get("student.fp8_enabled").is_some() {
            outcomes.push(beside(place.run(&format!("config {name} student.fp8_enabled=false gram.ckpt=gram.pth"))));
            assert_eq!(outcomes.last().unwrap().code, 0);
        }
    }
    assert_eq!(outcomes.len(), 8 + 3);
    check("config-published", &outcomes);
}

/// The three published files of ViT-7B run where fp8 does not: they leave null what `schedules` replaces.
#[test]
fn nulls_beside_schedules_are_not_read() {
    let place = place();
    let curve = "{start: 0.1, peak: 0.1, end: 0.1, warmup_epochs: 0}";
    let lr = "{start: 0, peak: 3.0e-05, end: 3.0e-05, warmup_epochs: 10, freeze_last_layer_epochs: 5}";
    let text = "optim: {weight_decay: null, weight_decay_end: null, lr: null, warmup_epochs: null, min_lr: null, \
                schedule_trunc_extra: null, freeze_last_layer_epochs: null}\n\
                teacher: {momentum_teacher: null, final_momentum_teacher: null, warmup_teacher_temp: null, teacher_temp: null, \
                warmup_teacher_temp_epochs: null}\n\
                train: {dataset_path: null}\n"
        .to_owned();
    fs::write(place.path("nulls.yaml"), &text).unwrap();
    let schedules =
        format!("schedules: {{lr: {lr}, weight_decay: {curve}, momentum: {curve}, teacher_temp: {curve}}}\n");
    fs::write(place.path("large.yaml"), text + &schedules).unwrap();
    let lines = ["config large.yaml", "config nulls.yaml", "config large.yaml student.fp8_enabled=true optim.epochs=0"];
    check("config-nulls", &lines.map(|line| beside(place.run(line))));
}

/// U+007F begins no escape sequence, and is data.
#[test]
fn data_is_printed_to_the_byte() {
    let place = place();
    fs::write(place.path("del.yaml"), "gram: {ckpt: \"x\\x7fy\"}\n").unwrap();
    assert!(place.run("config del.yaml --format json").stdout.contains("\"ckpt\": \"x\u{7f}y\""));
    assert!(place.run("config del.yaml").stdout.contains("ckpt: \"x\\x7Fy\""));
}

#[test]
fn the_learning_rate_is_scaled() {
    let place = place();
    let lr = |line| printed(&place, line)["optim"]["lr"].to_string();
    assert_eq!(lr("config"), "0.001");
    assert_eq!(lr("config --scaled --world-size 8"), "0.0028284271247461905");
    assert_eq!(lr("config optim.scaling_rule=linear_wrt_256 --scaled --world-size 8"), "0.002");
    assert_eq!(lr("config schedules={} --scaled --world-size 8"), "0.001");
    let lines = ["config --scaled --world-size 8", "config optim.scaling_rule=none --scaled --world-size 8"];
    check("config-scaled", &lines.map(|line| beside(place.run(line))));
}

#[test]
fn each_rank_has_its_student() {
    let place = place();
    for (rank, arch) in [(0, "vit_small"), (1, "vit_small"), (2, "vit_base"), (4, "vit_base")] {
        let config = printed(&place, &format!("config students.yaml --rank {rank} --world-size 5"));
        assert_eq!(config["student"]["arch"], arch, "rank {rank}");
        assert_eq!(config["train"]["batch_size_per_gpu"], 4);
    }
    let said = place.run("config students.yaml --rank 4 --world-size 5").stderr;
    assert!(said.starts_with("note: rank 4 trains the student `base`, as do all ranks from 2 to 4\n"), "{said}");
    let said = place.run("config students.yaml").stderr;
    assert!(said.starts_with("note: this config lists several students; `--rank R --world-size N` shows"), "{said}");
}

/// Nothing is printed of a config that cannot be merged.
#[test]
fn what_cannot_be_merged_is_an_error() {
    let place = place();
    fs::write(place.path("twice.yaml"), "optim:\n  lr: 1\n  lr: 2\n").unwrap();
    fs::write(place.path("open.yaml"), "crops:\n  rgb_mean: [0, 0\n").unwrap();
    fs::write(place.path("latin.yaml"), b"train:\n  output_dir: caf\xe9\n").unwrap();
    let lines = [
        "config nowhere.yaml",
        "config twice.yaml",
        "config open.yaml",
        "config latin.yaml",
        "config optim.lr=.inf",
        "config crops.rgb_mean.0=0.5",
        "config optim.lr=${oc.env:LR}",
        "config students.yaml --rank 5 --world-size 6",
        "config recipe.yaml --rank 0 --world-size 2",
        "config --rank 0 --world-size 2",
        "config students.yaml --rank 2 --world-size 2",
        "config --scaled",
        "config --world-size 0",
        "config --scaled --world-size 8 optim.lr=null",
    ];
    let outcomes = lines.map(|line| place.run(line));
    for outcome in &outcomes {
        let text = outcome.transcript();
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{text}");
        assert!(outcome.stderr.lines().last().is_some_and(|line| line.starts_with("hint: ")), "{text}");
    }
    check("config-errors", &outcomes);
}

/// A recipe that was recorded is one that is printed: its own config as a file changes nothing.
#[test]
fn a_printed_config_is_a_config() {
    let place = place();
    let once = place.run("config recipe.yaml train.seed=3").stdout;
    fs::write(place.path("once.yaml"), &once).unwrap();
    assert_eq!(place.run("config once.yaml").stdout, once);
}
