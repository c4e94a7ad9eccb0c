//! Where a loader stands between two batches.

use std::collections::BTreeSet;

use crate::random::Streams;

/// How far a loader has come: all that decides its next batches beside dataset, sampler and settings. It depends on the batches that were
/// taken alone, not on those that threads have begun.
#[derive(Clone, Debug)]
pub struct Position {
    /// Batches that were taken.
    pub taken: u64,
    /// The random streams, each as it stands after its last batch.
    pub streams: Vec<Streams>,
    /// Images that could not be used for these batches: each counts once towards the limit.
    pub broken: BTreeSet<usize>,
}

impl Position {
    /// Before the first batch.
    pub(super) fn first(base_seed: u64, streams: usize) -> Self {
        let streams = (0..streams as u64).map(|worker| Streams::of_worker(base_seed, worker)).collect();
        Self { taken: 0, streams, broken: BTreeSet::new() }
    }

    /// One more batch was taken, which has changed this.
    pub(super) fn pass(&mut self, stream: usize, after: Streams, broken: Vec<usize>) {
        self.taken += 1;
        self.streams[stream] = after;
        self.broken.extend(broken);
    }
}
