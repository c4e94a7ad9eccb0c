//! Ranks that die, dawdle, or never come: every other ends in time, with an error that names them.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{process, thread};

use dinov3_config::SslConfig;
use dinov3_ranks::{Failure, Group, ProcessGroup};
use dinov3_torch::runtime;
use dinov3_train::{TrainError, Trainer};
use dinov3_vit::hook::Hooks;
use tch::{Device, Kind, Tensor};

use super::{join, run, say};
use crate::fixture::{batch, merged_config};

const SIGKILL: i32 = 9;

/// For how long the collectives here wait.
const PATIENCE: Duration = Duration::from_secs(2);

/// For how long a rank lives on after its collective failed.
const LINGER: Duration = Duration::from_secs(5);

#[test]
fn a_killed_rank_is_named_by_all_others_and_none_hangs() {
    for (scenario, killed) in [("killed 0", 0), ("killed 2", 2), ("killed 2, lent", 2)] {
        let ended = run(scenario, &[0, 1, 2, 3], 4);
        for (rank, it) in ended.iter().enumerate() {
            if rank == killed {
                assert_eq!(it.code, -SIGKILL, "{it:?}");
                continue;
            }
            let expected = format!("rank {rank}: all_reduce failed: rank {killed} is gone");
            assert_eq!((it.code, &it.said), (0, &vec![expected.clone(), expected]), "{it:?}");
            assert!(it.after < Duration::from_secs(20), "{it:?}");
        }
    }
}

/// In forward, with parameters of the next unit on their way, and between forward and backward, whose first reduction then fails within
/// autograd: a step on sharded weights ends with the dead rank's name wherever it is.
#[test]
fn a_rank_killed_in_a_training_step_is_named_by_all_others() {
    for place in ["sinkhorn:ibot", "loss:total_loss"] {
        let ended = run(&format!("killed at {place}"), &[0, 1, 2, 3], 4);
        for (rank, it) in ended.iter().enumerate() {
            if rank == 2 {
                assert_eq!(it.code, -SIGKILL, "{it:?}");
                continue;
            }
            let said = it.said.join(" ");
            assert!(said.starts_with(&format!("rank {rank}: ")) && said.ends_with(" failed: rank 2 is gone"), "{it:?}");
            assert!(it.code == 0 && it.after < Duration::from_secs(30), "{it:?}");
        }
    }
}

#[test]
fn a_rank_that_dawdles_is_named_after_the_timeout() {
    let ended = run("late", &[0, 1, 2], 3);
    for rank in [0, 2] {
        let expected =
            format!("rank {rank}: barrier failed: nothing came for 2s; not in a collective that failed: rank 1");
        assert_eq!(ended[rank].said, [expected], "{ended:?}");
    }
    assert_eq!(ended[1].code, 0);
}

#[test]
fn a_rank_that_never_comes_is_named() {
    for (it, rank) in run("absent", &[0, 1, 3], 4).iter().zip([0, 1, 3]) {
        let start = format!("rank {rank}: rendezvous failed: 3 of 4 ranks came within ");
        assert!(it.said.len() == 1 && it.said[0].starts_with(&start), "{it:?}");
        assert!(it.said[0].ends_with("; missing: rank 2"), "{it:?}");
    }
}

#[test]
fn a_store_that_nobody_serves_is_named() {
    let ended = run("no store", &[1], 2);
    let start = "rank 1: rendezvous failed: the store at 127.0.0.1:";
    assert!(ended[0].said.len() == 1 && ended[0].said[0].starts_with(start), "{ended:?}");
}

/// A few steps in common; then one rank is killed, while the others go on.
pub(super) fn killed(group: &ProcessGroup, who: usize) {
    let mut gradient = Tensor::ones([100_000], (Kind::Float, Device::Cpu));
    for _ in 0..3 {
        group.all_reduce_(&mut gradient).unwrap();
    }
    if group.rank() == who {
        die();
    }
    let begun = Instant::now();
    let error = loop {
        if let Err(error) = group.all_reduce_(&mut gradient) {
            break error;
        }
    };
    say(&error);
    // The ranks beside the dead one pass it on at once, though they live on.
    assert!(begun.elapsed() < LINGER - Duration::from_millis(500), "{:?}", begun.elapsed());
    thread::sleep(LINGER);
    // A group that failed does nothing more, and says why at once.
    let begun = Instant::now();
    let again = group.all_reduce_(&mut gradient).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(1));
    say(again);
    assert_eq!(error.failure, Failure::Gone { ranks: vec![who] });
}

/// Under a launcher: rank 0's error names the rank that was killed, which is the one that the launcher blames.
#[test]
fn a_rank_killed_in_a_collective_is_named_by_the_others_and_by_their_launcher() {
    let launcher = crate::launch::launcher(4, "", &[(super::SCENARIO, "launched")]);
    let begun = Instant::now();
    let (code, said) = crate::launch::ended(launcher);
    assert_eq!(code, Some(128 + SIGKILL), "{said}");
    assert!(said.contains("rank 0: all_reduce failed: rank 2 is gone"), "{said}");
    assert!(said.contains("Failed(Death { rank: 2, of: 4, how: Signal(9)"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// Steps without end, but for rank 2, which is killed after some.
pub(super) fn launched() {
    let group = join(Duration::from_secs(10), Duration::from_secs(5)).unwrap();
    let mut gradient = Tensor::ones([100_000], (Kind::Float, Device::Cpu));
    for step in 0.. {
        if group.rank() == 2 && step == 5 {
            let killed = process::Command::new("kill").args(["-KILL", &process::id().to_string()]).status();
            unreachable!("still there: {killed:?}");
        }
        if let Err(error) = group.all_reduce_(&mut gradient) {
            say(&error);
            process::exit(4);
        }
    }
}

fn die() -> ! {
    let killed = process::Command::new("kill").args(["-KILL", &process::id().to_string()]).status();
    unreachable!("still there: {killed:?}");
}

/// Steps on sharded weights; in the second one rank 2 is killed when it shows the tensor `place`.
pub(super) fn killed_in_a_step(place: &str) {
    let group = join(Duration::from_secs(10), Duration::from_secs(5)).unwrap();
    let mut config = merged_config();
    config["student"]["drop_path_rate"] = serde_json::json!(0.0);
    let config = SslConfig::from_merged(&config).unwrap();
    let mut trainer = Trainer::new(&config, Kind::Float, Device::Cpu, Arc::new(group.clone())).unwrap();
    runtime::manual_seed(0);
    trainer.init_weights();
    let batch = batch();
    let mut step = 0;
    let error = loop {
        let mut shown = |name: &str, _: &Tensor| {
            if step == 1 && group.rank() == 2 && name == place {
                die();
            }
        };
        match trainer.step(&batch, 60 + step, &mut Hooks::to(&mut shown)) {
            Ok(_) => step += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, TrainError::Group(_)), "{error:?}");
    say(error);
}

pub(super) fn late() {
    let group = join(Duration::from_secs(10), PATIENCE).unwrap();
    if group.rank() == 1 {
        thread::sleep(PATIENCE + Duration::from_secs(2));
        return;
    }
    say(group.barrier().unwrap_err());
}

pub(super) fn absent() {
    let begun = Instant::now();
    say(join(Duration::from_secs(1), PATIENCE).unwrap_err());
    assert!(begun.elapsed() < Duration::from_secs(10));
}
