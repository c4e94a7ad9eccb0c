//! The committed sets, libtorch held to the instruction set that they were recorded under, and one random stream.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use dinov3_golden::promise::{VARIABLE, bits_are_promised};
use dinov3_golden::{Circumstance, Difference, Expectation, GoldenSet, Precision, SetJudgement};
use dinov3_suites::defects::Plant;
use dinov3_suites::judging::replay::{Notes, Replay, this_machine};
use dinov3_suites::judging::{self, Judging};
use dinov3_suites::layers::Layers;
use dinov3_torch::device::Device;
use dinov3_torch::runtime;

/// Held by every test that computes: libtorch has one random stream a process, and `cargo test` runs many tests in one.
pub fn libtorch() -> MutexGuard<'static, ()> {
    static PINNED: Once = Once::new();
    static STREAM: Mutex<()> = Mutex::new(());
    // SAFETY: every test that calls libtorch comes through here first, so nothing has read the environment for libtorch
    // yet, and nothing else in this binary writes it.
    PINNED.call_once(|| unsafe { runtime::pin(&runtime::AVX2) });
    STREAM.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folder of the committed sets.
pub fn sets() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/sets"))
}

/// A committed set.
pub fn set(name: &str) -> GoldenSet {
    GoldenSet::open(&sets().join(name)).expect("the committed sets are sound")
}

/// What is expected of this machine: the recording's bits, where the fingerprints match.
///
/// # Panics
/// The machine has promised the bits and cannot give them: a test would compare nothing and pass.
pub fn expectation(set: &GoldenSet, precision: Precision) -> Expectation {
    let recorded = &set.manifest().precisions.get(precision).expect("recorded").fingerprint;
    runtime::set_threads(recorded.threads);
    as_promised(Expectation::of(recorded, &this_machine(Device::Cpu)), bits_are_promised())
}

fn as_promised(expected: Expectation, promised: bool) -> Expectation {
    match expected {
        Expectation::Yardstick { differences } if promised => {
            panic!(
                "{VARIABLE}=1 promises bits that this machine cannot give: {}",
                differences.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            )
        }
        expected => expected,
    }
}

#[test]
#[should_panic = "promises bits that this machine cannot give: threads: recorded with 2, here 1"]
fn a_promise_that_cannot_be_kept_fails() {
    let elsewhere = {
        let [recorded, here] = ["2", "1"].map(|threads| Some(threads.to_owned()));
        Expectation::Yardstick { differences: vec![Difference { field: Circumstance::Threads, recorded, here }] }
    };
    assert_eq!(as_promised(elsewhere.clone(), false), elsewhere);
    assert_eq!(as_promised(Expectation::Identical, true), Expectation::Identical);
    as_promised(elsewhere, true);
}

/// What is expected of a machine that cannot give the same bits.
pub fn another_machine() -> Expectation {
    let [recorded, here] = ["cpu", "a test"].map(|device| Some(device.to_owned()));
    Expectation::Yardstick { differences: vec![Difference { field: Circumstance::Device, recorded, here }] }
}

/// Replays `set` and judges it.
pub fn judged(set: &GoldenSet, precision: Precision, plant: Option<Plant>, expectation: Expectation) -> SetJudgement {
    judged_by(&Layers, set, precision, plant, expectation)
}

/// Replays `set` in a suite and judges it.
pub fn judged_by(
    suite: &dyn Judging,
    set: &GoldenSet,
    precision: Precision,
    plant: Option<Plant>,
    expectation: Expectation,
) -> SetJudgement {
    let free_run = expectation == Expectation::Identical;
    judged_over(suite, set, precision, plant, expectation, free_run)
}

/// Replays `set` in a suite, all of its steps or the first alone, and judges it.
pub fn judged_over(
    suite: &dyn Judging,
    set: &GoldenSet,
    precision: Precision,
    plant: Option<Plant>,
    expectation: Expectation,
    free_run: bool,
) -> SetJudgement {
    runtime::set_threads(set.manifest().precisions.get(precision).expect("recorded").fingerprint.threads);
    let replay = Replay { precision, device: Device::Cpu, plant, free_run, notes: Notes::default() };
    judging::judge(suite, set, replay, expectation, &mut |_| Ok(())).expect("the committed sets can be replayed")
}
