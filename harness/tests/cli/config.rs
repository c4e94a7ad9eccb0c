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
