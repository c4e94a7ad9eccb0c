//! Ranks that are threads of one process. They replay golden sets of several ranks.

mod in_turn;

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tch::Tensor;

use super::{Collective, Failure, Group, GroupError};

pub use in_turn::threads_in_turn;

/// Ranks that are threads of this process; element i is for thread i. Dropping an element makes its rank gone, which ends the wait of the
/// others with an error.
///
/// A process has one random stream: ranks that draw within a step are [`threads_in_turn`].
pub fn threads(count: usize) -> Vec<Arc<dyn Group>> {
    let table = Arc::new(Table::new(count));
    (0..count).map(|rank| Arc::new(Seat { rank, table: Arc::clone(&table) }) as Arc<dyn Group>).collect()
}

/// The table on which threads exchange tensors.
struct Table {
    round: Mutex<Round>,
    changed: Condvar,
}

struct Round {
    /// The tensor that each rank has laid down in this round.
    laid: Vec<Option<Tensor>>,
    /// The tensors of the finished round that each rank has yet to pick up.
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

    /// A rank panics between two exchanges, never within one, so the table is whole.
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
                let failure = Failure::gone(vec![rank]);
                return Err(GroupError { rank: self.rank, collective: Collective::AllGather, failure });
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
        assert_eq!(error.failure, Failure::gone(vec![1]));
        assert_eq!(error.to_string(), "rank 0: all_gather failed: rank 1 is gone");
    }
}
