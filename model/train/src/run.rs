//! A run: the loop around the steps, over parts that a program chooses.

mod images;
mod parts;

use std::error::Error;
use std::time::Duration;

use dinov3_vit::hook::Hooks;
use dinov3_vit::meta_arch::Batch;
use thiserror::Error;

use crate::meters::Meters;
use crate::meters::Of;
use crate::phases::{Phase, Phases};
use crate::schedule::Settings;
use crate::state::{State, StateError, Stateful, Taking};
use crate::{StepLog, TrainError, Trainer};
pub use images::Images;
pub use parts::{Cycle, Kept, Never, NoCheckpoints, ToFolder, Wall};

const ITERATION: &str = "iteration";

/// An error of a part.
pub type PartError = Box<dyn Error + Send + Sync>;

/// Gives a rank its batches.
pub trait Loader: Stateful {
    /// The next one; `None` after the last.
    ///
    /// # Errors
    /// When none can be made.
    fn next_batch(&mut self) -> Result<Option<Batch>, PartError>;
}

/// Decides when a state is saved, and where.
pub trait Checkpoints {
    /// Iteration `it` was taken: what is written beside checkpoints, before them.
    ///
    /// # Errors
    /// When the run had better end.
    fn stepped(&mut self, it: usize, log: &StepLog, trainer: &Trainer) -> Result<(), PartError> {
        let _ = (it, log, trainer);
        Ok(())
    }

    /// Whether the state after iteration `it` is saved.
    fn is_due(&mut self, it: usize) -> bool;

    /// Saves it: the state is a copy, and training may go on meanwhile.
    ///
    /// # Errors
    /// When the run had better end.
    fn save(&mut self, it: usize, state: State) -> Result<(), PartError>;
}

/// Is told of every step: that it begins, that it was taken, and, after its checkpoint, how long all of it took.
pub trait Log {
    /// Iteration `it` begins; its batch is there.
    ///
    /// # Errors
    /// When the run had better end.
    fn begin(&mut self, it: usize) -> Result<(), PartError> {
        let _ = it;
        Ok(())
    }

    /// The step of iteration `it` was taken, or given up: the log of one with too many NaNs in a row comes here as well.
    ///
    /// # Errors
    /// When the run had better end.
    fn stepped(&mut self, it: usize, log: &StepLog) -> Result<(), PartError> {
        let _ = (it, log);
        Ok(())
    }

    /// An iteration is over.
    ///
    /// # Errors
    /// When the run had better end.
    fn step(&mut self, done: &Done) -> Result<(), PartError>;
}

/// Tells the time.
pub trait Clock {
    /// Since whenever.
    fn now(&mut self) -> Duration;
}

/// Ends a run before its end.
pub trait Stop {
    /// Whether iteration `it` is not to begin any more.
    fn is_wanted(&mut self, it: usize) -> bool;
}

/// A step that was taken.
#[derive(Debug)]
pub struct Done<'a> {
    /// Its iteration.
    pub it: usize,
    /// What held at it.
    pub settings: &'a Settings,
    /// What it logged.
    pub log: &'a StepLog,
    /// The meters with it.
    pub meters: &'a Meters,
    /// How long the loop waited for the batch.
    pub waited: Duration,
    /// How long the iteration took, with that wait, and with what was written.
    pub took: Duration,
}

/// Why a run ended early.
#[derive(Debug, Error)]
pub enum RunError {
    /// A step could not be taken.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// There is no batch.
    #[error("no batch can be loaded: {0}")]
    Loader(#[source] PartError),
    /// A state could not be saved.
    #[error("the state after iteration {it} cannot be saved: {source}")]
    Save {
        /// The iteration.
        it: usize,
        /// Why.
        source: PartError,
    },
    /// The log could not be written.
    #[error("the log cannot be written: {0}")]
    Log(#[source] PartError),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All iterations are done.
    Done,
    /// [`Stop`] wanted it.
    Stopped,
    /// There are no batches any more.
    OutOfBatches,
}

/// A run of one rank. The next iteration is `it`; what lasts is the trainer, the loader, the meters and that number.
#[derive(Debug)]
pub struct Run<L, C, G, K, S> {
    /// Takes the steps.
    pub trainer: Trainer,
    /// Gives the batches.
    pub loader: L,
    /// Saves states.
    pub checkpoints: C,
    /// Is told of the steps.
    pub log: G,
    /// Tells the time.
    pub clock: K,
    /// May end the run.
    pub stop: S,
    /// Everything that was logged since the run was first started.
    pub meters: Meters,
    /// The next iteration.
    pub it: usize,
}

impl<L: Loader, C: Checkpoints, G: Log, K: Clock, S: Stop> Run<L, C, G, K, S> {
    /// Takes the iterations up to `end`, excluded.
    ///
    /// # Errors
    /// When a part fails. A step that was taken counts, and is not taken again.
    pub fn until(&mut self, end: usize, phases: &mut Phases) -> Result<Ended, RunError> {
        while self.it < end {
            if self.stop.is_wanted(self.it) {
                return Ok(Ended::Stopped);
            }
            if !self.step(&mut Hooks::none(), phases)? {
                return Ok(Ended::OutOfBatches);
            }
        }
        Ok(Ended::Done)
    }

    /// Takes one iteration; `false` if there is no batch for it.
    ///
    /// # Errors
    /// As [`Run::until`].
    pub fn step(&mut self, hooks: &mut Hooks, phases: &mut Phases) -> Result<bool, RunError> {
        let (it, begun) = (self.it, self.clock.now());
        let batch = phases.during(Phase::Data, || self.loader.next_batch()).map_err(RunError::Loader)?;
        let Some(batch) = batch else { return Ok(false) };
        let waited = self.clock.now().saturating_sub(begun);
        self.log.begin(it).map_err(RunError::Log)?;
        let log = match self.trainer.step_in_phases(&batch, it, hooks, phases) {
            Ok(log) => log,
            Err(error) => {
                if let TrainError::TooManyNans { log, .. } = &error {
                    self.log.stepped(it, log).map_err(RunError::Log)?;
                }
                return Err(error.into());
            }
        };
        self.log.stepped(it, &log).map_err(RunError::Log)?;
        let settings = self.trainer.settings_at(it);
        self.meter(&settings, &log);
        self.it += 1;
        let failed = |source| RunError::Save { it, source };
        self.checkpoints.stepped(it, &log, &self.trainer).map_err(failed)?;
        if self.checkpoints.is_due(it) {
            let saved = phases.during(Phase::Save, || {
                let state = self.state();
                self.checkpoints.save(it, state)
            });
            saved.map_err(failed)?;
        }
        let took = self.clock.now().saturating_sub(begun);
        phases.over(it, waited, took);
        let done = Done { it, settings: &settings, log: &log, meters: &self.meters, waited, took };
        self.log.step(&done).map_err(RunError::Log)?;
        Ok(true)
    }

    /// In the reference's order.
    fn meter(&mut self, settings: &Settings, log: &StepLog) {
        let Settings { lr, weight_decay, momentum, last_layer_lr, .. } = *settings;
        for (name, value) in [("lr", lr), ("wd", weight_decay), ("mom", momentum), ("last_layer_lr", last_layer_lr)] {
            self.meters.update_of(Of::NumPy, name, value);
        }
        log.metrics.iter().for_each(|(name, value)| self.meters.update(name, f64::from(*value)));
    }

    /// Everything that lasts, as it is now.
    pub fn state(&self) -> State {
        let group = self.trainer.group();
        State::of(self, group.rank(), group.size())
    }
}

impl<L: Loader, C, G, K, S> Stateful for Run<L, C, G, K, S> {
    fn save(&self, state: &mut State) {
        self.trainer.save(state);
        self.loader.save(state);
        self.meters.save(state);
        state.put(ITERATION, self.it);
    }

    fn fit<'a>(&'a mut self, state: &State) -> Result<Taking<'a>, StateError> {
        let Self { trainer, loader, meters, it, .. } = self;
        let next = state.get(ITERATION)?;
        let all = [trainer.fit(state)?, loader.fit(state)?, meters.fit(state)?];
        Ok(Box::new(move || {
            all.into_iter().for_each(|take| take());
            *it = next;
        }))
    }
}
