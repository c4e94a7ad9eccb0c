//! `train`: the log and the figures of the reference's own program, recorded in `golden/program`, and what a training does when it is
//! stopped, killed or refused.

mod board;
#[cfg(target_os = "linux")]
mod disk;
mod events;
#[cfg(target_os = "linux")]
mod hosts;
#[cfg(target_os = "linux")]
mod killed;
mod place;
mod pth;
mod recorded;
mod resume;
mod students;
mod trace;

use crate::support::{Outcome, check};
use place::{place, text, train};

/// Words that the reference takes and ignores, or stumbles over, are refused by name, and so is what cannot be honoured.
#[test]
fn what_cannot_be_done_is_refused_by_name() {
    let place = place();
    let lines = [
        "train",
        "train --config-file none.yaml",
        "train --recipe vitl16",
        "train --config-file micro.yaml --eval-only",
        "train --config-file micro.yaml --record_ref_losses",
        "train --config-file micro.yaml --multi-distillation",
        // The reference's submitter puts its own output folder in front of the arguments, where `main` takes it from.
        "train --output-dir=jobs/1 --config-file micro.yaml --output-dir out",
        "train --config-file micro.yaml optim.lr=1 --output-dir out",
        "train --config-file micro.yaml --resume-as reference --no-resume",
        "train --config-file micro.yaml train.dataset_path=ImageNet22k:root=root:extra=extra",
        "train --config-file micro.yaml train.dataset_path=ImageNet:split=TRAIN:root=nowhere:extra=extra",
        "train --config-file micro.yaml checkpointing.period=0",
        "train --config-file micro.yaml train.checkpointing=true",
        "train --config-file micro.yaml distillation.enabled=true distillation.full_cfg_path=micro.yaml",
    ];
    let outcomes: Vec<Outcome> = lines.iter().map(|line| place.run(line)).collect();
    assert!(outcomes.iter().all(|outcome| outcome.code == 2));
    assert!(!place.path("local_dino").exists(), "nothing was begun");
    check("train-refused", &outcomes);
}

/// Three in a row end the run, as in the reference: exit code 1, and no checkpoint of weights that are NaN.
#[test]
fn a_loss_that_is_no_number_ends_the_training() {
    let place = place();
    let mut outcome =
        train(&place, "--output-dir out optim.lr=1e30 optim.warmup_epochs=0 checkpointing.period=2 optim.clip_grad=0");
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    let log = text(&place, "out/logs/log.txt");
    let lines = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    assert_eq!(lines("train.py:520] NaN loss detected on ranks: [0]"), 3);
    assert_eq!([1, 2, 3].map(|n| lines(&format!("train.py:521] Consecutive NaNs: {n}"))), [1; 3]);
    assert_eq!(lines("train.py:523] All-reduced metrics:"), 3);
    assert_eq!(lines("train.py:526] Too many consecutive nans detected in loss, aborting..."), 1);
    assert!(log.contains("\nkoleo_loss: nan\n"), "{log}");
    assert!(log.contains("is not saved: its weights are not numbers"), "{log}");
    // The log has everything that standard output has.
    outcome.stdout.clear();
    check("train-nan", &[outcome]);
}
