//! Steps in a row, on one rank or on several that are threads.

use dinov3_golden::Kind;
use std::ops::Range;
use std::thread;

use dinov3_torch::runtime;
use dinov3_train::{StepLog, TrainError, Trainer};
use dinov3_vit::meta_arch::Batch;
use dinov3_vit::tap::{Tap, Taps};
use tch::Tensor;

/// Which steps are taken, and what of them is shown.
pub(super) struct Plan {
    /// The iterations.
    pub(super) iterations: Range<usize>,
    /// The rank of the first of this process's trainers.
    pub(super) first: usize,
    /// How many ranks take them together.
    pub(super) ranks: usize,
    /// Whether to show what the steps logged and left behind.
    pub(super) free_run: bool,
}

/// The distinct batches of a run, as one rank has them: tensors may be sent to a thread, not shared with it.
struct Batches(Vec<Batch>);

impl Batches {
    /// The same memory under other handles.
    fn of(batches: &[Batch]) -> Self {
        Self(batches.iter().map(|batch| batch.to(batch.global_crops.device(), batch.global_crops.kind())).collect())
    }

    /// What `rank` of `ranks` is given in iteration `it`.
    fn at(&self, it: usize, rank: usize, ranks: usize) -> &Batch {
        &self.0[(it * ranks + rank) % self.0.len()]
    }
}

/// Takes the steps with these distinct batches, a trainer a rank, and shows those of the first trainer to `tap`: the first step in full, of the others
/// what they log.
///
/// # Errors
/// When a step cannot be taken.
pub(super) fn take(
    plan: &Plan,
    batches: &[Batch],
    trainers: Vec<Trainer>,
    tap: &mut dyn Tap,
) -> Result<(), TrainError> {
    let threads = runtime::threads();
    let mut trainers = trainers.into_iter();
    let first = trainers.next();
    thread::scope(|scope| {
        let others: Vec<_> = trainers
            .enumerate()
            .map(|(other, trainer)| {
                let batches = Batches::of(batches);
                scope.spawn(move || unseen(plan, trainer, &batches, plan.first + other + 1, threads))
            })
            .collect();
        // Every rank's trainer ends with its steps, for whatever reason, so that the others do not wait for it forever.
        let shown = first.map_or(Ok(()), |trainer| seen(plan, trainer, &Batches::of(batches), tap));
        let ended = others.into_iter().map(|rank| rank.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        // A rank that failed is why another one did: its own reason comes first.
        let failures: Vec<TrainError> = std::iter::once(shown).chain(ended).filter_map(Result::err).collect();
        let (mut deserted, mut own): (Vec<_>, Vec<_>) =
            failures.into_iter().partition(|error| matches!(error, TrainError::Group(_)));
        own.append(&mut deserted);
        own.into_iter().next().map_or(Ok(()), Err)
    })
}

/// The steps of the rank that is looked at.
fn seen(plan: &Plan, mut trainer: Trainer, batches: &Batches, tap: &mut dyn Tap) -> Result<(), TrainError> {
    let mut logs = Vec::with_capacity(plan.iterations.len());
    for it in plan.iterations.clone() {
        let mut taps = if logs.is_empty() { Taps::to(tap) } else { Taps::none() };
        logs.push(trainer.step(batches.at(it, plan.first, plan.ranks), it, &mut taps)?);
    }
    if plan.free_run {
        trajectories(&logs, tap);
        trainer.tap_final(&mut Taps::to(tap))?;
    }
    Ok(())
}

/// The steps of another rank, which is observed like the first, since what is shown is put together from all of them.
fn unseen(plan: &Plan, mut trainer: Trainer, batches: &Batches, rank: usize, threads: u32) -> Result<(), TrainError> {
    // Each thread of ours has its own number of libtorch's.
    runtime::set_threads(threads);
    let mut nobody = |_: &str, _: &Tensor| {};
    for it in plan.iterations.clone() {
        let mut taps = if it == plan.iterations.start { Taps::to(&mut nobody) } else { Taps::none() };
        trainer.step(batches.at(it, rank, plan.ranks), it, &mut taps)?;
    }
    if plan.free_run {
        trainer.tap_final(&mut Taps::to(&mut nobody))?
    }
    Ok(())
}

/// Every logged value over the steps: `trajectory:<name>`, `[steps]` fp32.
fn trajectories(logs: &[StepLog], tap: &mut dyn Tap) {
    let names = logs.first().map_or(&[][..], |log| &log.metrics);
    for (i, (name, _)) in names.iter().enumerate() {
        let values: Vec<f32> = logs.iter().map(|log| log.metrics[i].1).collect();
        tap.tensor(&Kind::Trajectory.name(name), &Tensor::from_slice(&values));
    }
}
