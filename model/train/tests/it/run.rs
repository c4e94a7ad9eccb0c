//! The loop: what it saves, what it says, and how it ends.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dinov3_config::SslConfig;
use dinov3_ranks::Alone;
use dinov3_torch::runtime;
use dinov3_train::Trainer;
use dinov3_train::checkpoint::{self, Folder, Keep};
use dinov3_train::meters::Meters;
use dinov3_train::phases::{Listener, Phase, Phases};
use dinov3_train::run::{Clock, Cycle, Done, Ended, Kept, Log, PartError, Run, RunError, Stop, ToFolder, Wall};
use tch::{Device, Kind};

use crate::fixture::{batch, merged_config, stream};

/// Ends a run before an iteration.
struct Before(usize);

impl Stop for Before {
    fn is_wanted(&mut self, it: usize) -> bool {
        it == self.0
    }
}

fn run<G, K>(folder: &Path, log: G, clock: K, stop: usize, batches: usize) -> Run<Cycle, ToFolder, G, K, Before> {
    let config = SslConfig::from_merged(&merged_config()).unwrap();
    let mut trainer = Trainer::new(&config, Kind::Float, Device::Cpu, Arc::new(Alone)).unwrap();
    runtime::manual_seed(0);
    trainer.init_weights();
    let folder = Folder::new(folder.join("ckpt"), 2, Keep { last: Some(1), every: 4 });
    Run {
        trainer,
        loader: Cycle::new((0..batches).map(|_| batch()).collect(), 0, 0, 1),
        checkpoints: ToFolder { folder, group: Arc::new(Alone), untidy: Vec::new() },
        log,
        clock,
        stop: Before(stop),
        meters: Meters::new(),
        it: 0,
    }
}

#[derive(Default)]
struct Saves(usize);

impl Listener for Saves {
    fn begin(&mut self, _: Phase) {}

    fn end(&mut self, phase: Phase) {
        self.0 += usize::from(phase == Phase::Save);
    }
}

#[test]
fn a_run_saves_stops_and_goes_on() {
    let _stream = stream();
    let folder = tempfile::tempdir().unwrap();
    let mut first = run(folder.path(), Kept::default(), Wall::default(), 9, 3);
    let mut saves = Saves::default();
    assert_eq!(first.until(12, &mut Phases::to(&mut saves)).unwrap(), Ended::Stopped);
    assert_eq!((first.it, first.log.0.len(), saves.0), (9, 9, 4));
    let kept = &first.checkpoints.folder;
    // 1 and 5 are gone, 3 stays for good, and so does 7, which is the last one too.
    assert_eq!(kept.iterations().unwrap(), [3, 7]);
    assert!(first.checkpoints.untidy.is_empty());
    let mut second = run(folder.path(), Kept::default(), Wall::default(), 99, 3);
    checkpoint::resume(&kept.latest().unwrap().unwrap(), &mut second, &Alone).unwrap();
    assert_eq!(second.it, 8);
    assert_eq!(second.until(9, &mut Phases::none()).unwrap(), Ended::Done);
    assert_eq!(second.log.0[0], first.log.0[8]);
    assert_eq!(second.state().digests().unwrap(), first.state().digests().unwrap());
    assert_eq!(
        run(folder.path(), Kept::default(), Wall::default(), 9, 0).until(1, &mut Phases::none()).unwrap(),
        Ended::OutOfBatches
    );
}

/// A second passes whenever somebody asks.
struct Ticks(u64);

impl Clock for Ticks {
    fn now(&mut self) -> Duration {
        self.0 += 1;
        Duration::from_secs(self.0)
    }
}

/// Refuses the third step.
#[derive(Default)]
struct Seen(Vec<(usize, u64, u64)>);

impl Log for Seen {
    fn step(&mut self, done: &Done) -> Result<(), PartError> {
        let names: Vec<&str> = done.meters.figures().map(|(name, _)| name).collect();
        assert_eq!(names[..5], ["lr", "wd", "mom", "last_layer_lr", "total_loss"]);
        assert_eq!(done.meters.figures().next().unwrap().1.value, done.settings.lr);
        self.0.push((done.it, done.waited.as_secs(), done.took.as_secs()));
        if self.0.len() == 3 { Err("the disk is full".into()) } else { Ok(()) }
    }
}

/// A log that fails ends the run, after a step that counts.
#[test]
fn a_log_is_told_of_every_step_and_may_end_the_run() {
    let _stream = stream();
    let folder = tempfile::tempdir().unwrap();
    let mut run = run(folder.path(), Seen::default(), Ticks(0), 99, 2);
    let error = run.until(5, &mut Phases::none()).unwrap_err();
    assert!(matches!(&error, RunError::Log(_)), "{error}");
    assert_eq!(error.to_string(), "the log cannot be written: the disk is full");
    assert_eq!((run.it, run.log.0), (3, vec![(0, 1, 2), (1, 1, 2), (2, 1, 2)]));
}

/// Where nothing can be written, saving says so, and what was saved stays.
#[test]
fn a_state_that_cannot_be_saved_is_an_error_with_the_iteration() {
    let _stream = stream();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ckpt"), "no folder").unwrap();
    let mut run = run(folder.path(), Kept::default(), Wall::default(), 99, 1);
    let error = run.until(5, &mut Phases::none()).unwrap_err();
    assert!(matches!(&error, RunError::Save { it: 1, .. }), "{error}");
    assert!(error.to_string().starts_with("the state after iteration 1 cannot be saved: "), "{error}");
}
