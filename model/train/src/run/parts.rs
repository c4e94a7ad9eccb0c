//! The simplest parts of a run, and those that write to disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dinov3_ranks::Group;
use dinov3_vit::meta_arch::Batch;

use super::{Checkpoints, Clock, Done, Loader, Log, PartError, Stop};
use crate::StepLog;
use crate::checkpoint::{self, CheckpointError, Folder};
use crate::state::{State, StateError, Stateful, Taking};

const NEXT: &str = "next_batch";

/// A run that goes on to its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Never;

impl Stop for Never {
    fn is_wanted(&mut self, _: usize) -> bool {
        false
    }
}

/// A run that saves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCheckpoints;

impl Checkpoints for NoCheckpoints {
    fn is_due(&mut self, _: usize) -> bool {
        false
    }

    fn save(&mut self, _: usize, _: State) -> Result<(), PartError> {
        Ok(())
    }
}

/// Distinct batches over and over: iteration `it` of rank r takes number it · ranks + r, modulo their number.
#[derive(Debug)]
pub struct Cycle {
    batches: Vec<Batch>,
    it: usize,
    rank: usize,
    ranks: usize,
}

impl Cycle {
    /// From iteration `it` on, for `rank` of so many `ranks`.
    pub fn new(batches: Vec<Batch>, it: usize, rank: usize, ranks: usize) -> Self {
        Self { batches, it, rank, ranks }
    }
}

impl Loader for Cycle {
    fn next_batch(&mut self) -> Result<Option<Batch>, PartError> {
        if self.batches.is_empty() {
            return Ok(None);
        }
        let batch = &self.batches[(self.it * self.ranks + self.rank) % self.batches.len()];
        self.it += 1;
        // Other handles of the same memory.
        Ok(Some(batch.to(batch.global_crops.device(), batch.global_crops.kind())))
    }
}

impl Stateful for Cycle {
    fn save(&self, state: &mut State) {
        state.put(NEXT, self.it);
    }

    fn fit<'a>(&'a mut self, state: &State) -> Result<Taking<'a>, StateError> {
        let it = state.get(NEXT)?;
        Ok(Box::new(move || self.it = it))
    }
}

/// Checkpoints in a [`Folder`], written before training goes on.
#[derive(Debug)]
pub struct ToFolder {
    /// The folder.
    pub folder: Folder,
    /// The ranks, over a backend that takes tensors on the host.
    pub group: Arc<dyn Group>,
    /// Why old checkpoints could not be removed, which ends no run: they take up room.
    pub untidy: Vec<CheckpointError>,
}

impl Checkpoints for ToFolder {
    fn is_due(&mut self, it: usize) -> bool {
        self.folder.is_due(it as u64)
    }

    fn save(&mut self, it: usize, state: State) -> Result<(), PartError> {
        checkpoint::save(&state, &self.folder.of(it as u64), self.group.as_ref())?;
        if self.group.rank() == 0 {
            self.untidy.extend(self.folder.tidy().err());
        }
        Ok(())
    }
}

/// A log that keeps what steps logged.
#[derive(Debug, Default)]
pub struct Kept(pub Vec<StepLog>);

impl Log for Kept {
    fn step(&mut self, done: &Done) -> Result<(), PartError> {
        self.0.push(done.log.clone());
        Ok(())
    }
}

/// The time since the run's parts were put together.
#[derive(Clone, Copy, Debug)]
pub struct Wall(Instant);

impl Default for Wall {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for Wall {
    fn now(&mut self) -> Duration {
        self.0.elapsed()
    }
}
