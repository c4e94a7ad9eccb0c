//! Checkpoints and exports of the teacher, which a thread of their own writes while training goes on.

mod writer;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dinov3_ranks::Group;
use dinov3_train::checkpoint::{CheckpointError, Folder};
use dinov3_train::run::{Checkpoints, PartError};
use dinov3_train::{State, StepLog, Trainer};
use writer::{Job, Writer};

use crate::export;
use crate::journal::{Journal, OURS};
use crate::trace::Trace;

/// How long a save that failed waits until it is tried again, each time.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];

/// Saves the states of a run, in the background.
pub struct Saving {
    folder: Folder,
    journal: Arc<Journal>,
    export: Export,
    /// What is written of every step, if that is wanted.
    pub trace: Option<Trace>,
    /// The weights are NaN since the last step.
    is_nan: bool,
    /// The iteration that the last checkpoint follows.
    saved: Option<usize>,
    jobs: Option<Sender<Job>>,
    done: Receiver<Result<(), CheckpointError>>,
    /// The jobs on their way, in order: whether each is a state.
    under_way: VecDeque<bool>,
    /// The first export that was given up.
    failed: Option<CheckpointError>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Saving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Saving").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Exports of the average, for whoever evaluates it.
#[derive(Debug)]
pub struct Export {
    /// The output folder.
    pub folder: PathBuf,
    /// Every so many iterations (`evaluation.eval_period_iterations`); never with 0.
    pub period: usize,
    /// A folder of `torch.distributed.checkpoint` in place of a `.pth` (`train.sharded_eval_checkpoint`).
    pub sharded: bool,
}

impl Saving {
    /// Into `folder`, by the ranks of `group`, which nobody else uses.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(
        folder: Folder,
        group: Arc<dyn Group>,
        journal: Arc<Journal>,
        export: Export,
    ) -> Result<Self, std::io::Error> {
        Self::pausing(folder, group, journal, export, &PAUSES)
    }

    fn pausing(
        folder: Folder,
        group: Arc<dyn Group>,
        journal: Arc<Journal>,
        export: Export,
        pauses: &[Duration],
    ) -> Result<Self, std::io::Error> {
        let (jobs, inbox) = channel::<Job>();
        let (outbox, done) = channel();
        let (pauses, to) = (pauses.to_vec(), Arc::clone(&journal));
        let writer = Writer { folder: folder.clone(), group, journal: to, pauses };
        let thread = thread::Builder::new().name("checkpoints".to_owned()).spawn(move || {
            for job in inbox {
                if outbox.send(writer.write(&job)).is_err() {
                    return;
                }
            }
        })?;
        let (jobs, thread, under_way) = (Some(jobs), Some(thread), VecDeque::new());
        Ok(Self {
            folder,
            journal,
            export,
            trace: None,
            is_nan: false,
            saved: None,
            jobs,
            done,
            under_way,
            failed: None,
            thread,
        })
    }

    /// The iteration that the last checkpoint follows, if there is one.
    pub fn last(&self) -> Option<usize> {
        self.saved
    }

    /// Iteration `it` is the next one, of a run that was resumed: what comes before is saved.
    pub fn resumed(&mut self, it: usize) {
        self.saved = it.checked_sub(1);
    }

    /// Whether the state after iteration `it`, which no period asks for, is to be saved: it is not yet, and not of NaN.
    pub fn wants(&self, it: usize) -> bool {
        self.saved != Some(it) && !self.refuses_nan(it)
    }

    /// Waits until everything is on disk.
    ///
    /// # Errors
    /// When the last state, or an export, could not be saved, after all tries.
    pub fn wait(&mut self) -> Result<(), CheckpointError> {
        self.wait_for_state()?;
        while self.under_way.pop_front().is_some() {
            let outcome = self.outcome();
            self.note(outcome);
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Waits until the last state is on disk, and what was begun before it.
    fn wait_for_state(&mut self) -> Result<(), CheckpointError> {
        while self.under_way.contains(&true) {
            let is_state = self.under_way.pop_front() == Some(true);
            let outcome = self.outcome();
            if is_state {
                return outcome;
            }
            self.note(outcome);
        }
        Ok(())
    }

    fn outcome(&self) -> Result<(), CheckpointError> {
        // A thread that panicked has hung up.
        self.done.recv().unwrap_or_else(|_| {
            let source = std::io::Error::other("the thread that writes checkpoints has panicked");
            Err(CheckpointError::Io { path: self.export.folder.clone(), source })
        })
    }

    /// Of an export.
    fn note(&mut self, outcome: Result<(), CheckpointError>) {
        if let Err(error) = outcome {
            self.failed.get_or_insert(error);
        }
    }

    fn begin(&mut self, job: Job) -> Result<(), PartError> {
        self.under_way.push_back(matches!(job, Job::State { .. }));
        let gone = || PartError::from("the thread that writes checkpoints has ended");
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())
    }

    fn refuses_nan(&self, it: usize) -> bool {
        if self.is_nan {
            self.journal.warning(OURS, &not_numbers(it));
        }
        self.is_nan
    }
}

impl Checkpoints for Saving {
    fn stepped(&mut self, it: usize, log: &StepLog, trainer: &Trainer) -> Result<(), PartError> {
        self.is_nan = !log.nan_ranks.is_empty();
        let Export { folder, period, sharded } = &self.export;
        if *period > 0 && (it + 1).is_multiple_of(*period) {
            let folder = folder.join("eval").join(format!("training_{it}"));
            if let Some(tensors) = export::copies(trainer)? {
                self.begin(Job::Teacher { it, folder, tensors, sharded: *sharded })?;
            }
        }
        if let Some(trace) = &mut self.trace {
            let total = log.metrics.first().map_or(f32::NAN, |(_, loss)| *loss);
            trace.stepped(it, total, trainer)?;
        }
        Ok(())
    }

    fn is_due(&mut self, it: usize) -> bool {
        self.folder.is_due(it as u64) && !self.refuses_nan(it)
    }

    /// Hands the state over. A state before it that could not be saved is gone: it was said, and this one is newer.
    fn save(&mut self, it: usize, state: State) -> Result<(), PartError> {
        if let Err(CheckpointError::Group(error)) = self.wait_for_state() {
            return Err(error.into());
        }
        if let Some(trace) = &mut self.trace {
            trace.flush()?;
        }
        self.saved = Some(it);
        self.begin(Job::State { it, state })
    }
}

fn not_numbers(it: usize) -> String {
    format!("the state after iteration {it} is not saved: its weights are not numbers")
}

/// What is begun is finished.
impl Drop for Saving {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
