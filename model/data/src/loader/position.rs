//! The position of a loader between two batches.

use std::collections::BTreeSet;

use crate::random::Streams;

/// The position of a loader. With dataset, sampler and settings it determines the next batches. It depends only on the
/// taken batches, not on batches that threads have begun.
#[derive(Clone, Debug)]
pub struct Position {
    /// Number of taken batches.
    pub taken: u64,
    /// The random streams, each in its state after its last taken batch.
    pub streams: Vec<Streams>,
    /// Images that could not be used for the taken batches. Each counts once towards the limit.
    pub broken: BTreeSet<usize>,
}

impl Position {
    /// The position before the first batch.
    pub(super) fn first(base_seed: u64, streams: usize) -> Self {
        let streams = (0..streams as u64).map(|worker| Streams::of_worker(base_seed, worker)).collect();
        Self { taken: 0, streams, broken: BTreeSet::new() }
    }

    /// Advances the position by a taken batch.
    pub(super) fn pass(&mut self, stream: usize, after: Streams, broken: Vec<usize>) {
        self.taken += 1;
        self.streams[stream] = after;
        self.broken.extend(broken);
    }
}
