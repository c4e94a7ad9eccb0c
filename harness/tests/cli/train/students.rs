//! Two students, each with some of the ranks, which load each other's batches and share a frozen teacher.

use std::fs;

use super::place::{ENVIRONMENT, figures, place, text};
use crate::support::{Outcome, Place};

const BASE: &str = "\
MODEL: {META_ARCHITECTURE: MultiDistillationMetaArch}
distillation: {enabled: true, full_cfg_path: teacher.yaml, checkpoint_path: ignore}
multidistillation:
  enabled: true
  global_batch_size: 6
  students:
  - {name: small, config_path: small.yaml, ranks_range: [0, 1]}
  - {name: large, config_path: large.yaml, ranks_range: [1, 3]}
optim: {epochs: 1, warmup_epochs: 0}
teacher: {warmup_teacher_temp_epochs: 0}
train: {OFFICIAL_EPOCH_LENGTH: 4}
checkpointing: {period: 2}
evaluation: {eval_period_iterations: 4}
";

fn students() -> Place {
    let place = place();
    let own = text(&place, "micro.yaml");
    fs::write(place.path("base.yaml"), BASE).unwrap();
    fs::write(place.path("small.yaml"), own.replace("vit_micro", "vit_nano")).unwrap();
    fs::write(place.path("large.yaml"), &own).unwrap();
    fs::write(place.path("teacher.yaml"), own.replace("vit_micro", "vit_micro_wide")).unwrap();
    place
}

fn train(place: &Place, more: &str) -> Outcome {
    let line = format!("train --multi-distillation --nproc 3 --config-file base.yaml {more}");
    place.run_in(&line, &ENVIRONMENT)
}

/// Each student has its folder, its figures and its checkpoints, and both go on to the bit where they were stopped.
#[test]
fn two_students_go_on_to_the_bit() {
    let place = students();
    for (out, more) in [("whole", ""), ("parts", "--steps 2"), ("parts", "")] {
        let outcome = train(&place, &format!("--output-dir {out} {more}"));
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    }
    for student in ["small", "large"] {
        let of = |out: &str| figures(&place, &format!("{out}/{student}"));
        assert!(!of("whole").is_empty());
        assert_eq!(of("parts"), of("whole"), "{student}");
        assert!(place.path(&format!("whole/{student}/eval/training_3/teacher_checkpoint.pth")).is_file());
        let config = text(&place, &format!("whole/{student}/config.yaml"));
        assert!(config.contains("batch_size_per_gpu: 2"), "{config}");
    }
    assert_ne!(figures(&place, "whole/small"), figures(&place, "whole/large"));
}

/// Students that wait for each other for ever, or gather crops of different sizes, are refused.
#[test]
fn students_that_do_not_fit_each_other_are_refused() {
    let place = students();
    let own = text(&place, "micro.yaml").replace("local_crops_number: 4", "local_crops_number: 3");
    fs::write(place.path("large.yaml"), own).unwrap();
    let outcome = train(&place, "--output-dir out");
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    let said = "`crops.local_crops_number` is 4 for `small` and 3 for `large`";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    assert!(!place.path("out").exists());
}
