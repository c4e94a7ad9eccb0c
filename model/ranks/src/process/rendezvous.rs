//! How the ranks find each other: through a store that one of them, or their launcher, serves.

use std::time::{Duration, Instant};

use dinov3_torch::c10d::{Store, Trouble};

use crate::error::Failure;

/// For how long one wait at the store lasts at most. Who is missing is known as of the last one, should the store itself go away.
const SLICE: Duration = Duration::from_millis(500);

/// A store, and what to call it in errors.
#[derive(Debug)]
pub(super) struct Meeting {
    pub(super) store: Store,
    pub(super) address: String,
}

impl Meeting {
    /// The same store under other keys.
    pub(super) fn within(&self, prefix: &str) -> Result<Self, Failure> {
        let store = self.store.prefixed(prefix).map_err(|trouble| self.failure(&trouble))?;
        Ok(Self { store, address: self.address.clone() })
    }

    /// Lays down `value` as `rank`'s and waits for all `members`; gives their values, in order.
    pub(super) fn meet(
        &self,
        rank: usize,
        members: &[usize],
        value: &str,
        timeout: Duration,
    ) -> Result<Vec<String>, Failure> {
        let failure = |trouble: Trouble| self.failure(&trouble);
        self.store.set(&key(rank), value).map_err(failure)?;
        let (begun, slice) = (Instant::now(), SLICE.min(timeout / 4));
        let absent = |missing, after| Failure::Absent { missing, size: members.len(), after };
        // As of the last wait that came to nothing.
        let mut missing = Vec::new();
        for &member in members {
            while let Err(trouble) = self.store.wait(&key(member), slice) {
                let seen = match trouble {
                    Trouble::TimedOut(_) => self.missing(members),
                    other => Err(other),
                };
                missing = match seen {
                    Ok(seen) if begun.elapsed() >= timeout => return Err(absent(seen, timeout)),
                    Ok(seen) => seen,
                    // Rank 0 began to wait earlier, and took the store away when it gave up.
                    Err(_) if !missing.is_empty() => return Err(absent(missing, whole_millis(begun.elapsed()))),
                    Err(trouble) => return Err(failure(trouble)),
                };
            }
        }
        members.iter().map(|&member| self.store.get(&key(member)).map_err(failure)).collect()
    }

    fn missing(&self, members: &[usize]) -> Result<Vec<usize>, Trouble> {
        let mut missing = Vec::new();
        for &member in members {
            if !self.store.has(&key(member))? {
                missing.push(member);
            }
        }
        Ok(missing)
    }

    pub(super) fn failure(&self, trouble: &Trouble) -> Failure {
        Failure::Store { address: self.address.clone(), message: trouble.message().to_owned() }
    }
}

fn whole_millis(duration: Duration) -> Duration {
    Duration::from_millis(duration.as_millis() as u64)
}

fn key(rank: usize) -> String {
    format!("rank/{rank}")
}
