//! Ranks that compute one step together, and what they exchange (`dinov3/distributed`).
//!
//! A [`Group`] is what the losses, the gradients and the metrics reduce over. [`Alone`] is one process; [`threads`] are ranks
//! within one process, which golden sets of several ranks are replayed with.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tch::{Tensor, no_grad};
use thiserror::Error;

/// A collective that could not be completed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("rank {rank} ended before the others had finished a step")]
pub struct GroupError {
    /// The rank that is gone.
    pub rank: usize,
}

/// The ranks of a run, seen from one of them. Every rank makes the same calls in the same order.
pub trait Group: fmt::Debug + Send + Sync {
    /// This rank, from 0.
    fn rank(&self) -> usize;

    /// The number of ranks.
    fn size(&self) -> usize;

    /// `all_gather`: the tensor of every rank, in their order, without gradients. Shapes may differ.
    ///
    /// # Errors
    /// When a rank is gone.
    fn all_gather(&self, tensor: &Tensor) -> Result<Vec<Tensor>, GroupError>;

    /// `all_reduce(SUM)`, in place, added in the order of the ranks.
    ///
    /// # Errors
    /// When a rank is gone.
    fn all_reduce_(&self, tensor: &mut Tensor) -> Result<(), GroupError> {
        if self.size() == 1 {
            return Ok(());
        }
        let parts = self.all_gather(tensor)?;
        no_grad(|| {
            // Not in place: the other ranks hold the same parts.
            tensor.copy_(&parts[1..].iter().fold(parts[0].shallow_clone(), |sum, part| sum + part));
        });
        Ok(())
    }

    /// `all_reduce(AVG)`, as a new tensor.
    ///
    /// # Errors
    /// When a rank is gone.
    fn mean(&self, tensor: &Tensor) -> Result<Tensor, GroupError> {
        let mut sum = tensor.detach().copy();
        self.all_reduce_(&mut sum)?;
        Ok(if self.size() == 1 { sum } else { sum / self.size() as f64 })
    }
}

/// One rank.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Group for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn all_gather(&self, tensor: &Tensor) -> Result<Vec<Tensor>, GroupError> {
        Ok(vec![tensor.detach()])
    }
}

/// Ranks that are threads of this process; the i-th element is for the i-th of them. A rank whose element is dropped is gone,
/// and ends the wait of the others with an error.
///
/// Random draws come from one stream a process, so ranks that draw in a step cannot be told apart here.
pub fn threads(count: usize) -> Vec<Arc<dyn Group>> {
    let table = Arc::new(Table::new(count));
    (0..count).map(|rank| Arc::new(Seat { rank, table: Arc::clone(&table) }) as Arc<dyn Group>).collect()
}

/// Where the threads lay down what they exchange.
struct Table {
    round: Mutex<Round>,
    changed: Condvar,
}

struct Round {
    /// What each rank has laid down in this round.
    laid: Vec<Option<Tensor>>,
    /// What each rank has yet to pick up from the finished round: a full hand for each.
    dealt: Vec<Option<Vec<Tensor>>>,
    gone: Option<usize>,
}

impl Table {
    fn new(count: usize) -> Self {
        let none = |_| None;
        let round =
            Round { laid: (0..count).map(none).collect(), dealt: (0..count).map(|_| None).collect(), gone: None };
        Self { round: Mutex::new(round), changed: Condvar::new() }
    }

    /// A rank that panicked did so between two exchanges, never within one: what it left is whole.
    fn lock(&self) -> MutexGuard<'_, Round> {
        self.round.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Table")
    }
}

#[derive(Debug)]
struct Seat {
    rank: usize,
    table: Arc<Table>,
}

impl Group for Seat {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.table.lock().laid.len()
    }

    fn all_gather(&self, tensor: &Tensor) -> Result<Vec<Tensor>, GroupError> {
        let mut round = self.table.lock();
        round.laid[self.rank] = Some(tensor.detach().copy());
        if round.laid.iter().all(Option::is_some) {
            let laid: Vec<Tensor> = round.laid.iter_mut().filter_map(Option::take).collect();
            for hand in &mut round.dealt {
                *hand = Some(laid.iter().map(Tensor::shallow_clone).collect());
            }
            self.table.changed.notify_all();
        }
        loop {
            if let Some(hand) = round.dealt[self.rank].take() {
                return Ok(hand);
            }
            if let Some(rank) = round.gone {
                return Err(GroupError { rank });
            }
            round = self.table.changed.wait(round).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.table.lock().gone.get_or_insert(self.rank);
        self.table.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_sum_in_the_order_of_ranks() {
        let sums: Vec<f64> = std::thread::scope(|scope| {
            let ranks = threads(3).into_iter().enumerate().map(|(i, group)| {
                scope.spawn(move || {
                    let mut value = Tensor::from(10f64.powi(i as i32));
                    for _ in 0..50 {
                        value = Tensor::from(10f64.powi(i as i32));
                        group.all_reduce_(&mut value).unwrap();
                    }
                    value.double_value(&[])
                })
            });
            ranks.collect::<Vec<_>>().into_iter().map(|rank| rank.join().unwrap()).collect()
        });
        assert_eq!(sums, [111.0; 3]);
    }

    #[test]
    fn a_rank_that_is_gone_ends_the_wait() {
        let mut ranks = threads(2);
        drop(ranks.pop());
        let error = ranks[0].all_gather(&Tensor::from(1.0)).unwrap_err();
        assert_eq!(error, GroupError { rank: 1 });
    }

    #[test]
    fn alone_nothing_changes() {
        let mut value = Tensor::from(0.1);
        Alone.all_reduce_(&mut value).unwrap();
        assert_eq!(value.double_value(&[]), 0.1);
        assert_eq!(Alone.mean(&value).unwrap().double_value(&[]), 0.1);
    }
}
