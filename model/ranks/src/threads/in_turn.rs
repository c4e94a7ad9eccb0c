//! Ranks that are threads and draw: one computes at a time, each with a random stream of its own.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use dinov3_torch::runtime;
use tch::Tensor;

use crate::{Group, GroupError};

/// [`super::threads`], for ranks that draw from torch's global stream: whoever computes has the process's stream as its own, and hands over to
/// another rank where it waits for all. Every rank begins with the stream as it is when the first of them gets there, so none may draw
/// before its first exchange.
pub fn threads_in_turn(count: usize) -> Vec<Arc<dyn Group>> {
    let turn = Arc::new(Turn { taken: Mutex::new(false), free: Condvar::new() });
    let ranks = super::threads(count).into_iter();
    ranks
        .map(|inner| Arc::new(InTurn { inner, turn: Arc::clone(&turn), has_it: AtomicBool::new(false) }) as _)
        .collect()
}

/// One rank has it at a time.
struct Turn {
    taken: Mutex<bool>,
    free: Condvar,
}

impl Turn {
    fn take(&self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken {
            taken = self.free.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken = true;
    }

    fn give(&self) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.free.notify_one();
    }
}

struct InTurn {
    inner: Arc<dyn Group>,
    turn: Arc<Turn>,
    has_it: AtomicBool,
}

impl InTurn {
    fn give(&self) {
        if self.has_it.swap(false, Ordering::Relaxed) {
            self.turn.give();
        }
    }
}

impl fmt::Debug for InTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InTurn").field(&self.inner).finish()
    }
}

impl Group for InTurn {
    fn rank(&self) -> usize {
        self.inner.rank()
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn all_gather(&self, tensor: &Tensor) -> Result<Vec<Tensor>, GroupError> {
        let own = runtime::rng_state();
        self.give();
        let all = self.inner.all_gather(tensor);
        self.turn.take();
        self.has_it.store(true, Ordering::Relaxed);
        runtime::set_rng_state(&own).expect("the stream's own state");
        all
    }
}

/// A rank that ends, for whatever reason, lets the others go on.
impl Drop for InTurn {
    fn drop(&mut self) {
        self.give();
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    /// Three ranks draw twenty times each, between exchanges: each has the numbers that it would have alone. Seen to fail with
    /// [`super::super::threads`].
    #[test]
    fn each_rank_draws_as_if_alone() {
        let draw = || f64::try_from(Tensor::rand([1], (Kind::Double, Device::Cpu))).unwrap();
        runtime::manual_seed(7);
        let alone: Vec<f64> = (0..20).map(|_| draw()).collect();
        runtime::manual_seed(7);
        let drawn: Vec<Vec<f64>> = std::thread::scope(|scope| {
            let ranks = threads_in_turn(3).into_iter().map(|group| {
                scope.spawn(move || {
                    let step = |_| {
                        group.all_gather(&Tensor::from(0.0)).unwrap();
                        draw()
                    };
                    (0..20).map(step).collect()
                })
            });
            ranks.collect::<Vec<_>>().into_iter().map(|rank| rank.join().unwrap()).collect()
        });
        assert_eq!(drawn, [alone.clone(), alone.clone(), alone]);
    }

    #[test]
    fn a_rank_that_is_gone_ends_the_wait() {
        let mut ranks = threads_in_turn(2);
        drop(ranks.pop());
        assert!(ranks[0].all_gather(&Tensor::from(1.0)).is_err());
    }
}
