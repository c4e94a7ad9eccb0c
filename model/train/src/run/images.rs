//! Batches of images, as `dinov3-data` makes them.

use std::fmt;
use std::sync::Arc;

use dinov3_data::config::DataConfig;
use dinov3_data::dataset::Dataset;
use dinov3_data::loader::{OnUnusable, RunAt, RunLoader, RunPosition, Start, StartError};
use dinov3_torch::device::HOST;
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
    loader: Option<RunLoader>,
    /// How many ranks share a checkpoint: those of a student, where there are several.
    saving: usize,
}

impl Images {
    /// Images of `dataset` from `start` on. `unusable` is told of those that cannot be used.
    pub fn new(config: DataConfig, dataset: Arc<dyn Dataset>, start: Start, unusable: OnUnusable) -> Self {
        let saving = start.world;
        Self { config, dataset, start, unusable, loader: None, saving }
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

    fn started(&mut self) -> Result<&mut RunLoader, StartError> {
        let loader = match self.loader.take() {
            Some(loader) => loader,
            None => RunLoader::start(&self.config, &self.dataset, &self.start, base_seed, &self.unusable)?,
        };
        Ok(self.loader.insert(loader))
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
        let batch = self.started()?.next().transpose()?;
        Ok(batch.as_ref().map(Batch::of))
    }
}

/// A rank's position is its own: with another number of ranks each starts as it was told to. What threads have made ahead is not lost, but made
/// again.
impl Stateful for Images {
    fn save(&self, state: &mut State) {
        let position = self.loader.as_ref().map(RunLoader::position);
        state.put_own_value(POSITION, position.as_ref().map(|it| &it.at));
        if self.saving != self.start.world {
            state.put(LOADING, self.start.world);
        }
        state.put_own(STREAMS, &Tensor::from_slice(position.as_ref().map_or(&[][..], |it| &it.streams)));
    }

    fn fit<'a>(&'a mut self, state: &State) -> Result<Taking<'a>, StateError> {
        let ordered = self.has_order_of(state)?;
        let own = state.get_own::<Option<RunAt>>(POSITION, self.saving)?;
        let Some(at) = own.filter(|_| ordered) else { return Ok(Box::new(|| ())) };
        let streams = state.own_tensor(STREAMS, Kind::Uint8, self.saving)?;
        let unusable = |reason: String| StateError::Value { key: POSITION.to_owned(), reason };
        let streams = streams.map(|it| Vec::<u8>::try_from(it).map_err(|error| unusable(error.to_string())));
        let loader = match (at, streams.transpose()?) {
            (Some(at), Some(streams)) => {
                let position = RunPosition { at, streams };
                let resumed = RunLoader::resume(&self.config, &self.dataset, &self.start, &position, &self.unusable);
                Some(resumed.map_err(|error| unusable(error.to_string()))?)
            }
            _ => None,
        };
        Ok(Box::new(move || self.loader = loader))
    }
}
