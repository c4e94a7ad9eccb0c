//! A training that is stopped or killed goes on.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::events::{Event, events};
use super::place::{ENVIRONMENT, figures, place, text, train};
use crate::support::Place;

/// A short training.
const SHORT: &str = "optim.epochs=2 checkpointing.period=8 evaluation.eval_period_iterations=0";

/// Every byte of a checkpoint's tensors.
fn weights(place: &Place, out: &str, it: usize) -> Vec<u8> {
    fs::read(place.path(&format!("{out}/ckpt/{it}/rank-00000.safetensors"))).unwrap()
}

/// 21 steps and 19 are 40: the same figures, and the same bytes in the last checkpoint, whatever the threads of the loader.
#[test]
fn a_stopped_training_goes_on_to_the_bit() {
    let place = place();
    assert_eq!(train(&place, &format!("--output-dir whole {SHORT}")).code, 0);
    let first = train(&place, &format!("--output-dir parts --steps 21 --loader-threads 1 --tensorboard tb {SHORT}"));
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(first.stdout.contains("stopped before iteration 21, saved in "), "{}", first.stdout);
    let second = train(&place, &format!("--output-dir parts --loader-threads 3 --tensorboard tb {SHORT}"));
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert!(second.stdout.contains("Starting training from iteration 21"));
    assert_eq!(figures(&place, "parts"), figures(&place, "whole"));
    assert!(weights(&place, "parts", 39) == weights(&place, "whole", 39), "the last checkpoints differ");
    has_events(&place);
    // What is finished stays finished.
    let third = train(&place, &format!("--output-dir parts {SHORT}"));
    assert_eq!(third.code, 0);
    assert!(
        third.stdout.contains("Starting training from iteration 40")
            && third.stdout.contains("Training Total time: 0:00:00")
    );
    assert_eq!(figures(&place, "parts"), figures(&place, "whole"));
    let refused = train(&place, &format!("--output-dir parts --no-resume {SHORT}"));
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("has checkpoints"), "{}", refused.stderr);
    let other = train(&place, &format!("--output-dir whole {SHORT} crops.local_crops_number=3 optim.epochs=3"));
    assert!(other.stderr.contains("cannot be resumed"), "{}", other.stderr);
}

/// Each process has written the figures of its lines for TensorBoard, the second one from iteration 21 on.
fn has_events(place: &Place) {
    let files = events(place, "tb");
    assert_eq!(files.len(), 2);
    assert!(files.iter().all(|file| file[0].version == "brain.Event:2"));
    assert_eq!((files[1][1].step, files[1][1].is_start), (21, true));
    let written: Vec<&Event> = files.iter().flatten().filter(|event| !event.scalars.is_empty()).collect();
    let figures = figures(place, "parts");
    assert_eq!(written.len(), figures.len());
    for (event, figures) in written.into_iter().zip(&figures) {
        assert_eq!(event.step, figures["iteration"].as_u64().unwrap());
        let mut scalars: std::collections::BTreeMap<String, f32> = event.scalars.clone();
        assert!(scalars.remove("iter_time").is_some() && scalars.remove("data_time").is_some());
        let figures = figures.as_object().unwrap().iter().filter(|(name, _)| *name != "iteration");
        let figures = figures.map(|(name, value)| (name.clone(), value.as_f64().unwrap() as f32)).collect();
        assert_eq!(scalars, figures, "iteration {}", event.step);
    }
}

/// Two ranks stop together, and go on to the bit.
#[test]
fn two_ranks_go_on_to_the_bit() {
    let place = place();
    let on_two = |out: &str, more: &str| {
        let outcome = train(&place, &format!("--nproc 2 --output-dir {out} {more} {SHORT}"));
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    };
    on_two("whole", "");
    on_two("parts", "--steps 21");
    on_two("parts", "");
    assert_eq!(figures(&place, "parts"), figures(&place, "whole"));
    for rank in ["rank-00000", "rank-00001"] {
        let [parts, whole] =
            ["parts", "whole"].map(|out| fs::read(place.path(&format!("{out}/ckpt/39/{rank}.safetensors"))).unwrap());
        assert!(parts == whole, "the last checkpoints of {rank} differ");
    }
    assert!(place.path("parts/logs/log.txt.rank1").is_file());
    assert_eq!(figures(&place, "whole")[0]["global_batch_size"], 8.0);
}

fn started(place: &Place, out: &str) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("dinov3-harness"));
    command.args(["train", "--config-file", "micro.yaml", "--output-dir", out]).args(SHORT.split(' '));
    command.current_dir(place.path("")).envs(ENVIRONMENT).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Waits until the log of `out` says `what`.
fn wait_for(place: &Place, out: &str, what: &str) {
    let patience = Instant::now() + Duration::from_secs(300);
    let log = place.path(&format!("{out}/logs/log.txt"));
    while !fs::read_to_string(&log).is_ok_and(|log| log.contains(what)) {
        assert!(Instant::now() < patience, "the log never says {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// SIGTERM finishes the step and saves; SIGKILL loses the steps since the last checkpoint and no more.
#[test]
fn a_signal_ends_a_training_that_goes_on() {
    let place = place();
    assert_eq!(train(&place, &format!("--output-dir whole {SHORT}")).code, 0);
    let mut child = started(&place, "parts");
    wait_for(&place, "parts", "[10/40]");
    signal(&child, "-TERM");
    assert!(child.wait().unwrap().success());
    assert!(text(&place, "parts/logs/log.txt").contains("the same command goes on from there"));
    let mut child = started(&place, "parts");
    wait_for(&place, "parts", "[20/40]");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(train(&place, &format!("--output-dir parts {SHORT}")).code, 0);
    assert!(weights(&place, "parts", 39) == weights(&place, "whole", 39), "the last checkpoints differ");
    let mut last = figures(&place, "parts");
    // The steps that were lost have lines of their own.
    last.dedup();
    let whole = figures(&place, "whole");
    assert_eq!(last[last.len() - 2..], whole[whole.len() - 2..]);
}
