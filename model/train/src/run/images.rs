//! Batches of images, as `dinov3-data` makes them.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use dinov3_data::config::DataConfig;
use dinov3_data::dataset::Dataset;
use dinov3_data::loader::{LoaderError, OnUnusable, RunAt, RunLoader, RunPosition, Start, StartError};
use dinov3_torch::device::{Device, HOST};
use dinov3_vit::meta_arch::Batch;
use tch::{Kind, Tensor};

use super::{Loader, PartError};
use crate::state::{State, StateError, Stateful, Taking};

const POSITION: &str = "loader";
const STREAMS: &str = "loader.streams";
/// The number of ranks that load, where not all of them share a checkpoint.
const LOADING: &str = "loader.ranks";

/// The loader of a run. It starts with the first batch that is asked for: only then are its base seeds drawn, from torch's global stream, as in
/// the reference.
pub struct Images {
    config: DataConfig,
    dataset: Arc<dyn Dataset>,
    start: Start,
    unusable: OnUnusable,
    stager: Option<Stager>,
    /// What the trainer takes.
    wanted: (Device, Kind),
    /// How many ranks share a checkpoint: those of a student, where there are several.
    saving: usize,
}

impl Images {
    /// Images of `dataset` from `start` on. `unusable` is told of those that cannot be used.
    pub fn new(config: DataConfig, dataset: Arc<dyn Dataset>, start: Start, unusable: OnUnusable) -> Self {
        let saving = start.world;
        Self { config, dataset, start, unusable, stager: None, wanted: (Device::Cpu, Kind::Float), saving }
    }

    /// The same for a trainer on `device` that takes crops in this dtype, fp32 or bf16: what can be done beforehand is, by a thread beside it.
    #[must_use]
    pub fn staged_for(self, device: Device, kind: Kind) -> Self {
        Self { wanted: (device, kind), ..self }
    }

    /// The same where only `ranks` of those that load share a checkpoint.
    #[must_use]
    pub fn saved_by(self, ranks: usize) -> Self {
        Self { saving: ranks, ..self }
    }

    /// Whether a position of `state` is one of this rank's order of images.
    fn has_order_of(&self, state: &State) -> Result<bool, StateError> {
        Ok(self.saving == self.start.world || state.get::<usize>(LOADING)? == self.start.world)
    }

    fn started(&mut self) -> Result<&mut Stager, StartError> {
        let stager = match self.stager.take() {
            Some(stager) => stager,
            None => {
                let loader = RunLoader::start(&self.config, &self.dataset, &self.start, base_seed, &self.unusable)?;
                Stager::start(loader, self.wanted)?
            }
        };
        Ok(self.stager.insert(stager))
    }
}

/// A batch as the trainer takes it, and where the loader stood behind it.
type Staged = (Batch, RunPosition);

/// A thread that makes the loader's batches ready for the trainer, one ahead of it.
struct Stager {
    /// `None` once it is to end.
    batches: Option<Receiver<Result<Staged, LoaderError>>>,
    thread: Option<JoinHandle<()>>,
    /// Behind the last batch that was taken.
    position: RunPosition,
}

impl Stager {
    fn start(loader: RunLoader, wanted: (Device, Kind)) -> Result<Self, LoaderError> {
        let position = loader.position();
        let (outbox, batches) = sync_channel(0);
        let thread = thread::Builder::new().name("batches".to_owned()).spawn(move || stage(loader, wanted, &outbox))?;
        Ok(Self { batches: Some(batches), thread: Some(thread), position })
    }

    fn next(&mut self) -> Result<Option<Batch>, LoaderError> {
        let Some(staged) = self.batches.as_ref().and_then(|batches| batches.recv().ok()) else {
            let ended = self.thread.take().map_or(Ok(()), JoinHandle::join);
            return ended.map(|()| None).map_err(|_| LoaderError::Panicked("while it made a batch ready".to_owned()));
        };
        let (batch, position) = staged?;
        self.position = position;
        Ok(Some(batch))
    }
}

impl Drop for Stager {
    fn drop(&mut self) {
        // Whoever waits to hand over a batch ends.
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // Nobody is left to be told of a panic.
            let _ = thread.join();
        }
    }
}

/// Hands over batches until there are no more, or nobody takes them.
fn stage(mut loader: RunLoader, (device, kind): (Device, Kind), outbox: &SyncSender<Result<Staged, LoaderError>>) {
    while let Some(batch) = loader.next() {
        let staged = batch.map(|batch| (Batch::staged(&batch, device, kind), loader.position()));
        if outbox.send(staged).is_err() {
            return;
        }
    }
}

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Images").field("start", &self.start).finish_non_exhaustive()
    }
}

/// `torch.empty((), dtype=torch.int64).random_().item()`, from the global stream.
fn base_seed() -> u64 {
    Tensor::empty([1], (Kind::Int64, HOST)).random_().int64_value(&[0]) as u64
}

impl Loader for Images {
    fn next_batch(&mut self) -> Result<Option<Batch>, PartError> {
        Ok(self.started()?.next()?)
    }
}

/// A rank's position is its own: with another number of ranks each starts as it was told to. What threads have made ahead is not lost, but made
/// again.
impl Stateful for Images {
    fn save(&self, state: &mut State) {
        let position = self.stager.as_ref().map(|stager| &stager.position);
        state.put_own_value(POSITION, position.map(|it| &it.at));
        if self.saving != self.start.world {
            state.put(LOADING, self.start.world);
        }
        state.put_own(STREAMS, &Tensor::from_slice(position.map_or(&[][..], |it| &it.streams)));
    }

    fn fit<'a>(&'a mut self, state: &State) -> Result<Taking<'a>, StateError> {
        let ordered = self.has_order_of(state)?;
        let own = state.get_own::<Option<RunAt>>(POSITION, self.saving)?;
        let Some(at) = own.filter(|_| ordered) else { return Ok(Box::new(|| ())) };
        let streams = state.own_tensor(STREAMS, Kind::Uint8, self.saving)?;
        let unusable = |reason: String| StateError::Value { key: POSITION.to_owned(), reason };
        let streams = streams.map(|it| Vec::<u8>::try_from(it).map_err(|error| unusable(error.to_string())));
        let stager = match (at, streams.transpose()?) {
            (Some(at), Some(streams)) => {
                let position = RunPosition { at, streams };
                let resumed = RunLoader::resume(&self.config, &self.dataset, &self.start, &position, &self.unusable);
                let staged = resumed.and_then(|loader| Ok(Stager::start(loader, self.wanted)?));
                Some(staged.map_err(|error| unusable(error.to_string()))?)
            }
            _ => None,
        };
        Ok(Box::new(move || self.stager = stager))
    }
}
