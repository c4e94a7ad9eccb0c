//! The loader of a run, which goes on exactly only with the crops and masks that it began with.

use dinov3_torch::device::Device;
use dinov3_train::run::{Images, Loader, PartError};
use dinov3_train::state::Taking;
use dinov3_train::{State, StateError, Stateful};
use dinov3_vit::meta_arch::Batch;
use serde_json::Value;

use crate::banner::at;
use crate::python::repr;

const DATA: &str = "data";

/// The sections and keys that decide what a batch holds. The dataset may have moved meanwhile.
const KEYS: [&str; 5] = ["crops", "ibot", "train.seed", "train.num_workers", "train.cache_dataset"];

/// Batches of images, and what decides them.
#[derive(Debug)]
pub struct Data {
    images: Images,
    /// The values of [`KEYS`].
    decided_by: Vec<String>,
    /// Batches that are taken over and over, and how many were taken.
    held: (Vec<Batch>, usize),
}

impl Data {
    /// The images of a run of this config.
    pub fn new(images: Images, config: &Value) -> Self {
        Self { images, decided_by: KEYS.map(|key| repr(at(config, key))).into(), held: (Vec::new(), 0) }
    }

    /// Makes so many batches now, which are taken over and over from then on.
    pub fn hold(&mut self, batches: usize) -> Result<(), PartError> {
        for _ in 0..batches {
            self.held.0.extend(self.images.next_batch()?);
        }
        Ok(())
    }
}

impl Loader for Data {
    fn next_batch(&mut self) -> Result<Option<Batch>, PartError> {
        let (held, taken) = &mut self.held;
        if held.is_empty() {
            return self.images.next_batch();
        }
        let batch = &held[*taken % held.len()];
        *taken += 1;
        // Other handles of the same memory.
        Ok(Some(batch.to(Device::of(&batch.global_crops), batch.global_crops.kind())))
    }
}

impl Stateful for Data {
    fn save(&self, state: &mut State) {
        state.put(DATA, &self.decided_by);
        self.images.save(state);
    }

    fn fit<'a>(&'a mut self, state: &State) -> Result<Taking<'a>, StateError> {
        let saved: Vec<String> = state.get(DATA)?;
        let pairs = KEYS.iter().zip(saved.iter().zip(&self.decided_by)).filter(|(_, (saved, here))| saved != here);
        let differences: Vec<String> =
            pairs.map(|(key, (saved, here))| format!("`{key}` was {saved}, is {here}")).collect();
        if !differences.is_empty() {
            return Err(StateError::Config { differences });
        }
        self.images.fit(state)
    }
}
