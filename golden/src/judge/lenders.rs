//! The yardstick of an entry: the reference's own error there, and what other entries lend. The reasons are in
//! [`crate::tolerance`].

use crate::manifest::{Entry, Spread};
use crate::metrics::Metrics;
use crate::names::Precision;
use crate::tolerance::SMALL;

use super::role::role;
use super::rule::Borrowed;
use super::{Judge, JudgeError};

impl Judge<'_> {
    /// The reference's own error at this precision; `None` where nothing is stored or no truth was recorded.
    pub(super) fn reference_error(&mut self, index: usize) -> Result<Option<Metrics>, JudgeError> {
        if let Some(known) = self.reference.get(&index) {
            return Ok(*known);
        }
        let recorded = self.golden.recorded(&self.golden.manifest().entries[index], self.precision)?;
        let error = match (recorded.stored, self.truth(index)?.and_then(|truth| truth.stored)) {
            (Some(reference), Some(truth)) => Some(self.compared(index, reference, truth)?),
            _ => None,
        };
        self.reference.insert(index, error);
        Ok(error)
    }

    /// The yardstick that an entry borrows: see [`crate::tolerance`].
    pub(super) fn borrowed(&mut self, index: usize) -> Result<Option<Borrowed>, JudgeError> {
        let peer = self.peer(index)?;
        if self.reference_error(index)?.is_some_and(|own| own.count >= SMALL as u64) {
            return Ok(peer);
        }
        let lender = self.nearest_larger(index)?;
        Ok(peer.into_iter().chain(lender).reduce(|a, b| if b.rel_l2 > a.rel_l2 { b } else { a }))
    }

    /// Of the entries in `index`'s role and stage, the one with the largest error of the reference.
    fn peer(&mut self, index: usize) -> Result<Option<Borrowed>, JudgeError> {
        let entries = &self.golden.manifest().entries;
        let (stage, wanted) = (entries[index].stage, role(&entries[index].name));
        if let Some(known) = self.peers.get(&wanted) {
            return Ok(known.clone());
        }
        let mut worst: Option<Borrowed> = None;
        for (peer, entry) in entries.iter().enumerate().filter(|(_, it)| it.stage == stage && role(&it.name) == wanted)
        {
            if entry.records.get(self.precision).is_none_or(|record| !record.dtype.is_float()) {
                continue;
            }
            if let Some(lent) = self
                .reference_error(peer)?
                .and_then(|error| Borrowed::of(&entry.name, &error, spread(entry, self.precision)))
            {
                worst = Some(match worst {
                    Some(worst) => worst.at_least(lent),
                    None => lent,
                });
            }
        }
        self.peers.insert(wanted, worst.clone());
        Ok(worst)
    }

    /// The nearest entry before `index` in its stage that has elements enough and is not exact.
    fn nearest_larger(&mut self, index: usize) -> Result<Option<Borrowed>, JudgeError> {
        let entries = &self.golden.manifest().entries;
        for lender in (0..index).rev() {
            let entry = &entries[lender];
            let float = entry.records.get(self.precision).is_some_and(|record| record.dtype.is_float());
            if !float || entry.stage != entries[index].stage {
                continue;
            }
            if let Some(error) = self.reference_error(lender)?
                && error.count >= SMALL as u64
                && let Some(lent) = Borrowed::of(&entry.name, &error, spread(entry, self.precision))
            {
                return Ok(Some(lent));
            }
        }
        Ok(None)
    }
}

fn spread(entry: &Entry, precision: Precision) -> Option<&Spread> {
    entry.records.get(precision).and_then(|record| record.spread.as_ref())
}
