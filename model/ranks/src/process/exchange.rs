//! What goes from rank to rank over Gloo: a tensor to each of the others, and one from each.
//!
//! Gloo's own collectives hand everything from thread to thread: where two ranks exchange a few numbers, an all_reduce takes three times as
//! long as a message each way, and an all_gather fills memory of its own and copies it. So tensors are gathered and scattered by messages,
//! and added up here, in the order of Gloo's ring.

use std::sync::atomic::Ordering;

use dinov3_torch::c10d::{Reduce, Work};
use tch::{Kind, Tensor, no_grad};

use super::ProcessGroup;
use crate::error::{Collective, GroupError};
use crate::{Group, ring};

/// Bytes that a rank may send to all others together so that a sum is exchanged in one go: every rank then gets the whole of every other. A
/// ring has twice as many turns as there are other ranks, and sends less where they are many.
const SMALL: usize = 1 << 18;

/// Tags are positive, and come again long after what had them before has ended.
const TAGS: i32 = 1 << 30;

impl ProcessGroup {
    /// Starts to send to each other rank what is its, and to fill for each what comes from it. Lists are in the order of ranks; this rank's own
    /// are not touched. Tensors are contiguous, and on both sides of the same length.
    pub(super) fn exchange(
        &self,
        collective: Collective,
        sent: &[Tensor],
        filled: &[Tensor],
    ) -> Result<Vec<Work>, GroupError> {
        let (rank, size) = (self.rank(), self.size());
        // Next ranks first, so that not all begin with the same one.
        let others = || (1..size).map(move |step| (rank + step) % size);
        self.0.start(collective, |links| {
            let tag = self.0.exchanges.fetch_add(1, Ordering::Relaxed).rem_euclid(TAGS);
            let awaits = others().filter(|&it| filled[it].numel() > 0);
            let sends = others().filter(|&it| sent[it].numel() > 0);
            let works = awaits.map(|it| links.receive(&filled[it], it, tag));
            works.chain(sends.map(|it| links.send(&sent[it], it, tag))).collect()
        })
    }

    /// Adds up the flat tensors of all ranks, in place, where that is less than Gloo's ring has to do; whether it was done.
    pub(super) fn added_up(&self, tensor: &Tensor, reduce: Reduce) -> Result<bool, GroupError> {
        const CALL: Collective = Collective::AllReduce;
        let (rank, size) = (self.rank(), self.size());
        let bytes = tensor.numel() * tensor.kind().elt_size_in_bytes();
        // Gloo's sum of two trues is 2, and its MAX and MIN have their own way with NaN: that is left to it.
        let ours = self.backend().is_gloo() && reduce == Reduce::Sum && tensor.kind() != Kind::Bool;
        if !ours || bytes * (size - 1) > SMALL {
            return Ok(false);
        }
        let piece = |it: usize| if it == rank { tensor.shallow_clone() } else { tensor.empty_like() };
        let pieces: Vec<Tensor> = (0..size).map(piece).collect();
        let sent: Vec<Tensor> = (0..size).map(|_| tensor.shallow_clone()).collect();
        self.finish_all(CALL, self.exchange(CALL, &sent, &pieces)?)?;
        self.sends(tensor, 1, 1);
        no_grad(|| tensor.shallow_clone().copy_(&ring::added_up(&pieces, reduce)));
        Ok(true)
    }

    /// Waits for all, also after one has failed: they write to memory that must stay.
    pub(super) fn finish_all(&self, collective: Collective, works: Vec<Work>) -> Result<(), GroupError> {
        let ends: Vec<_> = works.into_iter().map(|work| self.0.finish(collective, work)).collect();
        ends.into_iter().collect()
    }
}
