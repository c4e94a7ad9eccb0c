//! Checkpoints, which a thread of their own writes while training goes on, and exports of the teacher.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dinov3_ranks::Group;
use dinov3_train::checkpoint::{self, CheckpointError, Folder};
use dinov3_train::run::{Checkpoints, PartError};
use dinov3_train::{State, StepLog, Trainer};
use tch::Tensor;

use crate::journal::{Journal, Level, OURS};
use crate::trace::Trace;

/// How long a save that failed waits until it is tried again, each time.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];

/// A state and the iteration that it follows.
struct Job {
    it: usize,
    state: State,
}

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
    /// Whether a job is on its way.
    busy: bool,
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
        let (jobs, inbox) = channel::<Job>();
        let (outbox, done) = channel();
        let writer = Writer { folder: folder.clone(), group, journal: Arc::clone(&journal) };
        let thread = thread::Builder::new().name("checkpoints".to_owned()).spawn(move || {
            for job in inbox {
                if outbox.send(writer.write(&job)).is_err() {
                    return;
                }
            }
        })?;
        let (jobs, thread) = (Some(jobs), Some(thread));
        Ok(Self { folder, journal, export, trace: None, is_nan: false, saved: None, jobs, done, busy: false, thread })
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
    /// When the last state could not be saved, after all tries.
    pub fn wait(&mut self) -> Result<(), CheckpointError> {
        if !std::mem::take(&mut self.busy) {
            return Ok(());
        }
        // A thread that panicked has hung up, and its panic is on the screen.
        self.done.recv().unwrap_or(Ok(()))
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
        let Export { folder, period } = &self.export;
        if *period > 0 && (it + 1).is_multiple_of(*period) {
            let folder = folder.join("eval").join(format!("training_{it}"));
            crate::export::teacher(trainer, &folder, &self.journal)?;
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
        let before = self.wait();
        if let Err(CheckpointError::Group(error)) = before {
            return Err(error.into());
        }
        if let Some(trace) = &mut self.trace {
            trace.flush()?;
        }
        self.saved = Some(it);
        self.busy = true;
        let gone = || PartError::from("the thread that writes checkpoints has ended");
        self.jobs.as_ref().ok_or_else(gone)?.send(Job { it, state }).map_err(|_| gone())
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

/// The thread's part.
struct Writer {
    folder: Folder,
    group: Arc<dyn Group>,
    journal: Arc<Journal>,
}

impl Writer {
    /// Whether a weight of any rank is not a number. The loss of the last step does not tell: its gradient may have been the first.
    fn is_nan(&self, job: &Job) -> Result<bool, CheckpointError> {
        let unreadable = |source| CheckpointError::State { path: self.folder.of(job.it as u64), source };
        let here = job.state.has_nan(|name| name.starts_with("param.")).map_err(unreadable)?;
        let all = self.group.all_gather(&Tensor::from_slice(&[i64::from(here)]))?;
        Ok(all.iter().any(|it| it.int64_value(&[0]) != 0))
    }

    /// Writes a state, and tries again where that fails; then what does not stay goes.
    fn write(&self, job: &Job) -> Result<(), CheckpointError> {
        if self.is_nan(job)? {
            self.journal.warning(OURS, &not_numbers(job.it));
            return Ok(());
        }
        let path = self.folder.of(job.it as u64);
        let mut pauses = PAUSES.into_iter();
        loop {
            match checkpoint::save(&job.state, &path, self.group.as_ref()) {
                Ok(()) => break,
                // All ranks have heard of it, and pause alike.
                Err(error) if !matches!(error, CheckpointError::Group(_)) => {
                    let said = format!("the state after iteration {} cannot be saved: {error}", job.it);
                    let Some(pause) = pauses.next() else {
                        self.journal.say(Level::Error, OURS, &format!("{said}; it is given up"));
                        return Err(error);
                    };
                    self.journal.warning(OURS, &format!("{said}; it is tried again in {} s", pause.as_secs()));
                    thread::sleep(pause);
                }
                Err(error) => return Err(error),
            }
        }
        self.journal.info(("checkpointer.py", 132), &format!("Saved: {}", path.display()));
        if self.group.rank() == 0 {
            match self.folder.tidy() {
                Ok(removed) => {
                    for it in removed {
                        let path = self.folder.of(it);
                        self.journal.info(("checkpointer.py", 246), &format!("Deleted: {}", path.display()));
                    }
                }
                // It takes up room, no more.
                Err(error) => self.journal.warning(OURS, &format!("old checkpoints cannot be removed: {error}")),
            }
        }
        Ok(())
    }
}
