//! The thread that writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use dinov3_ranks::Group;
use dinov3_train::State;
use dinov3_train::checkpoint::{self, CheckpointError, Folder};
use dinov3_train::weights::WeightsError;
use tch::Tensor;

use crate::export;
use crate::journal::{Journal, Level, OURS};

/// What is to be written.
pub(super) enum Job {
    /// A state and the iteration that it follows.
    State { it: usize, state: State },
    /// The average after an iteration, on rank 0.
    Teacher { it: usize, folder: PathBuf, tensors: Vec<(String, Tensor)>, sharded: bool },
}

/// The thread's part.
pub(super) struct Writer {
    pub(super) folder: Folder,
    pub(super) group: Arc<dyn Group>,
    pub(super) journal: Arc<Journal>,
    /// How long a save that failed waits until it is tried again, each time.
    pub(super) pauses: Vec<Duration>,
}

impl Writer {
    pub(super) fn write(&self, job: &Job) -> Result<(), CheckpointError> {
        match job {
            Job::State { it, state } => self.state(*it, state),
            Job::Teacher { it, folder, tensors, sharded: false } => self.teacher(*it, folder, tensors),
            Job::Teacher { it, folder, tensors, sharded: true } => self.sharded(*it, folder, tensors),
        }
    }

    /// Writes a state; then what does not stay goes.
    fn state(&self, it: usize, state: &State) -> Result<(), CheckpointError> {
        if self.is_nan(it, state)? {
            self.journal.warning(OURS, &super::not_numbers(it));
            return Ok(());
        }
        let path = self.folder.of(it as u64);
        let what = format!("the state after iteration {it}");
        self.persist(&what, || checkpoint::save(state, &path, self.group.as_ref()))?;
        self.journal.info(("checkpointer.py", 132), &format!("Saved: {}", path.display()));
        if self.group.rank() == 0 {
            self.tidy();
        }
        Ok(())
    }

    fn teacher(&self, it: usize, folder: &Path, tensors: &[(String, Tensor)]) -> Result<(), CheckpointError> {
        let path = folder.join(export::FILE);
        let what = format!("the teacher after iteration {it}");
        self.persist(&what, || export::write(&path, tensors).map_err(|error| unwritten(&path, error)))?;
        self.journal.info(("train.py", 265), &format!("Saved eval checkpoint: {}", path.display()));
        Ok(())
    }

    /// A folder of `torch.distributed.checkpoint`. The reference makes an empty one first, and says that it is deleted.
    fn sharded(&self, it: usize, folder: &Path, tensors: &[(String, Tensor)]) -> Result<(), CheckpointError> {
        let path = folder.join(export::FOLDER);
        let what = format!("the teacher after iteration {it}");
        self.journal.info(("checkpointer.py", 105), &format!("Deleted: {}", path.display()));
        self.persist(&what, || export::write_sharded(&path, it, tensors).map_err(|error| unwritten(&path, error)))?;
        self.journal.info(("checkpointer.py", 132), &format!("Saved: {}", path.display()));
        Ok(())
    }

    /// Saves something, and tries again where that fails.
    fn persist(&self, what: &str, save: impl Fn() -> Result<(), CheckpointError>) -> Result<(), CheckpointError> {
        let mut pauses = self.pauses.iter();
        loop {
            match save() {
                Ok(()) => return Ok(()),
                Err(error @ CheckpointError::Group(_)) => return Err(error),
                // All ranks have heard of it, and pause alike.
                Err(error) => {
                    let said = format!("{what} cannot be saved: {error}");
                    let Some(pause) = pauses.next() else {
                        self.journal.say(Level::Error, OURS, &format!("{said}; it is given up"));
                        return Err(error);
                    };
                    self.journal.warning(OURS, &format!("{said}; it is tried again in {} s", pause.as_secs_f64()));
                    thread::sleep(*pause);
                }
            }
        }
    }

    fn tidy(&self) {
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

    /// Whether a weight of any rank is not a number. The loss of the last step does not tell: its gradient may have been the first.
    fn is_nan(&self, it: usize, state: &State) -> Result<bool, CheckpointError> {
        let unreadable = |source| CheckpointError::State { path: self.folder.of(it as u64), source };
        let here = state.has_nan(|name| name.starts_with("param.")).map_err(unreadable)?;
        let all = self.group.all_gather(&Tensor::from_slice(&[i64::from(here)]))?;
        Ok(all.iter().any(|it| it.int64_value(&[0]) != 0))
    }
}

fn unwritten(path: &Path, error: WeightsError) -> CheckpointError {
    let source = match error {
        WeightsError::Io { source, .. } => source,
        other => std::io::Error::other(other),
    };
    CheckpointError::Io { path: path.to_owned(), source }
}
