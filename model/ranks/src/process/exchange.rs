//! Messages between ranks over Gloo: each rank sends every other rank a tensor, and receives one from each.
//!
//! Gloo's own collectives pass everything from thread to thread. An all_reduce of a few numbers between two ranks takes three times as long
//! as a message each way, and an all_gather fills memory of its own and copies it. So messages gather and scatter the tensors, and the sums
//! are made here, in the order of Gloo's ring.

use std::sync::atomic::Ordering;

use dinov3_torch::c10d::{Reduce, Work};
use tch::{Kind, Tensor, no_grad};

use super::ProcessGroup;
use crate::error::{Collective, GroupError};
use crate::{Group, ring};

/// The most bytes that a rank sends to all other ranks together for a sum in one exchange, in which every rank receives the whole tensor of
/// every other rank. A ring takes twice as many turns as there are other ranks, and sends less if they are many.
const SMALL: usize = 1 << 18;

/// The number of tags of messages. A tag repeats long after the earlier message with it has ended.
const TAGS: i32 = 1 << 30;

impl ProcessGroup {
    /// Starts to send `sent[r]` to each other rank r, and to receive `filled[r]` from it. This rank's own elements are not touched. Tensors are
    /// contiguous, and of the same length on both sides.
    pub(super) fn exchange(
        &self,
        collective: Collective,
        sent: &[Tensor],
        filled: &[Tensor],
    ) -> Result<Vec<Work>, GroupError> {
        let (rank, size) = (self.rank(), self.size());
        // The next rank comes first, so that ranks do not all begin with the same one.
        let others = || (1..size).map(move |step| (rank + step) % size);
        self.0.start(collective, |links| {
            let tag = self.0.exchanges.fetch_add(1, Ordering::Relaxed).rem_euclid(TAGS);
            let awaits = others().filter(|&it| filled[it].numel() > 0);
            let sends = others().filter(|&it| sent[it].numel() > 0);
            let works = awaits.map(|it| links.receive(&filled[it], it, tag));
            works.chain(sends.map(|it| links.send(&sent[it], it, tag))).collect()
        })
    }

    /// Adds up the flat tensors of all ranks, in place, if this is less work than Gloo's ring. Gives whether it did.
    pub(super) fn added_up(&self, tensor: &Tensor, reduce: Reduce) -> Result<bool, GroupError> {
        const CALL: Collective = Collective::AllReduce;
        let (rank, size) = (self.rank(), self.size());
        let bytes = tensor.numel() * tensor.kind().elt_size_in_bytes();
        // Gloo's sum of two trues is 2, and its MAX and MIN treat NaN in their own way: Gloo does these itself.
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

    /// Waits for all messages, even after one has failed, since they write to memory that must stay.
    pub(super) fn finish_all(&self, collective: Collective, works: Vec<Work>) -> Result<(), GroupError> {
        let ends: Vec<_> = works.into_iter().map(|work| self.0.finish(collective, work)).collect();
        ends.into_iter().collect()
    }
}
