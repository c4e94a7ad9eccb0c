//! Steps in a row, on one rank or on several that are threads.

use dinov3_golden::Kind;
use std::ops::Range;
use std::thread;

use dinov3_torch::device::Device;
use dinov3_torch::runtime;
use dinov3_train::meters::Meters;
use dinov3_train::phases::Phases;
use dinov3_train::run::{Cycle, Kept, Never, NoCheckpoints, Run, RunError, Wall};
use dinov3_train::{StepLog, TrainError, Trainer};
use dinov3_vit::hook::{Hook, Hooks, InTurn, is_of_a_module};
use dinov3_vit::meta_arch::Batch;
use tch::Tensor;

/// Which steps are taken, and what of them is shown.
pub(super) struct Plan<'a> {
    /// The iterations.
    pub(super) iterations: Range<usize>,
    /// The rank of the first of this process's trainers.
    pub(super) first: usize,
    /// How many ranks take them together.
    pub(super) ranks: usize,
    /// Whether to show the modules in a step, which most sets of steps do not record.
    pub(super) modules: bool,
    /// Whether to show what the steps logged and left behind.
    pub(super) free_run: bool,
    /// The hook of what is planted, for each rank one of its own.
    pub(super) planted: &'a (dyn Fn() -> Option<Box<dyn Hook>> + Sync),
}

/// Shows a step with or without the modules in it.
struct Seen<'a> {
    hook: &'a mut dyn Hook,
    modules: bool,
}

impl Hook for Seen<'_> {
    fn tensor(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        if !self.modules && is_of_a_module(name) { None } else { self.hook.tensor(name, value) }
    }

    fn operand(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        self.hook.operand(name, value)
    }

    fn wants_gradients(&self) -> bool {
        self.modules && self.hook.wants_gradients()
    }

    fn summary(&mut self, name: &str, value: &Tensor) {
        self.hook.summary(name, value);
    }
}

/// The hook of what is planted, if anything is.
type Planted = Option<Box<dyn Hook>>;

/// A run over batches that are there.
type InMemory = Run<Cycle, NoCheckpoints, Kept, Wall, Never>;

/// A rank's run, from the first iteration on.
fn run_of(plan: &Plan, trainer: Trainer, batches: Batches, rank: usize) -> InMemory {
    let it = plan.iterations.start;
    Run {
        trainer,
        loader: Cycle::new(batches.0, it, rank, plan.ranks),
        checkpoints: NoCheckpoints,
        log: Kept::default(),
        clock: Wall::default(),
        stop: Never,
        meters: Meters::new(),
        it,
    }
}

/// Takes a step that is shown to `seen`, if it is, behind what is planted.
fn step(
    run: &mut InMemory,
    planted: &mut Planted,
    seen: Option<&mut dyn Hook>,
    modules: bool,
) -> Result<(), TrainError> {
    let planted = planted.as_mut().map(|planted| planted.as_mut() as &mut dyn Hook);
    let mut seen = seen.map(|hook| Seen { hook, modules });
    let seen = seen.as_mut().map(|seen| seen as &mut dyn Hook);
    let phases = &mut Phases::none();
    let taken = match (planted, seen) {
        (None, None) => run.step(&mut Hooks::none(), phases),
        (planted, seen) => run.step(&mut Hooks::to(&mut InTurn::new(planted.into_iter().chain(seen))), phases),
    };
    taken.map(|_| ()).map_err(|error| match error {
        RunError::Train(error) => error,
        other => unreachable!("batches and log are in memory: {other}"),
    })
}

/// The distinct batches of a run, as one rank has them: tensors may be sent to a thread, not shared with it.
struct Batches(Vec<Batch>);

impl Batches {
    /// The same memory under other handles.
    fn of(batches: &[Batch]) -> Self {
        let same = |batch: &Batch| batch.to(Device::of(&batch.global_crops), batch.global_crops.kind());
        Self(batches.iter().map(same).collect())
    }
}

/// Takes the steps with these distinct batches, a trainer a rank, and shows those of the first trainer to `hook`: the first step in full, of the others
/// what they log.
///
/// # Errors
/// When a step cannot be taken.
pub(super) fn take(
    plan: &Plan,
    batches: &[Batch],
    trainers: Vec<Trainer>,
    hook: &mut dyn Hook,
) -> Result<(), TrainError> {
    let threads = runtime::threads();
    let mut trainers = trainers.into_iter();
    let first = trainers.next();
    thread::scope(|scope| {
        let others: Vec<_> = trainers
            .enumerate()
            .map(|(other, trainer)| {
                let batches = Batches::of(batches);
                scope.spawn(move || unseen(plan, trainer, batches, plan.first + other + 1, threads))
            })
            .collect();
        // Every rank's trainer ends with its steps, for whatever reason, so that the others do not wait for it forever.
        let shown = first.map_or(Ok(()), |trainer| seen(plan, trainer, Batches::of(batches), hook));
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
fn seen(plan: &Plan, trainer: Trainer, batches: Batches, hook: &mut dyn Hook) -> Result<(), TrainError> {
    let (mut planted, mut run) = ((plan.planted)(), run_of(plan, trainer, batches, plan.first));
    while run.it < plan.iterations.end {
        let seen = if run.log.0.is_empty() { Some(&mut *hook as &mut dyn Hook) } else { None };
        step(&mut run, &mut planted, seen, plan.modules)?;
    }
    if plan.free_run {
        trajectories(&run.log.0, hook);
        run.trainer.show_final(&mut Hooks::to(hook))?;
    }
    Ok(())
}

/// The steps of another rank, with a hook where the first has one: what is shown is gathered from all of them.
fn unseen(plan: &Plan, trainer: Trainer, batches: Batches, rank: usize, threads: u32) -> Result<(), TrainError> {
    // Each thread of ours has its own number of libtorch's.
    runtime::set_threads(threads);
    let mut nobody = |_: &str, _: &Tensor| {};
    let (mut planted, mut run) = ((plan.planted)(), run_of(plan, trainer, batches, rank));
    while run.it < plan.iterations.end {
        let seen = if run.log.0.is_empty() { Some(&mut nobody as &mut dyn Hook) } else { None };
        step(&mut run, &mut planted, seen, plan.modules)?;
    }
    if plan.free_run {
        run.trainer.show_final(&mut Hooks::to(&mut nobody))?
    }
    Ok(())
}

/// Every logged value over the steps: `trajectory:<name>`, `[steps]` fp32.
fn trajectories(logs: &[StepLog], hook: &mut dyn Hook) {
    let names = logs.first().map_or(&[][..], |log| &log.metrics);
    for (i, (name, _)) in names.iter().enumerate() {
        let values: Vec<f32> = logs.iter().map(|log| log.metrics[i].1).collect();
        hook.summary(&Kind::Trajectory.name(name), &Tensor::from_slice(&values));
    }
}
