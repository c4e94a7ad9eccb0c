//! The yardstick of an entry: the reference's own error there, and what other entries lend. The reasons are in
//! [`crate::tolerance`].

use crate::manifest::{Entry, Spread};
use crate::metrics::Metrics;
use crate::names::Precision;
use crate::tolerance::SMALL;

use super::role::{follows_rotation, role};
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

    /// What counts beside the recorded run's error at an entry: see [`crate::tolerance`].
    pub(super) fn borrowed(&mut self, index: usize) -> Result<Option<Borrowed>, JudgeError> {
        let entry = &self.golden.manifest().entries[index];
        let own = if self.precision == Precision::Fp32 && follows_rotation(&entry.name) {
            self.of_all_blocks(index)?
        } else {
            self.of_all_runs(index)?
        };
        if self.reference_error(index)?.is_some_and(|error| error.count >= SMALL as u64) {
            return Ok(own);
        }
        let lender = self.nearest_larger(index)?;
        Ok(own.into_iter().chain(lender).reduce(Borrowed::at_least))
    }

    /// The largest error of the recorded run and those beside it.
    fn of_all_runs(&mut self, index: usize) -> Result<Option<Borrowed>, JudgeError> {
        let entry = &self.golden.manifest().entries[index];
        let error = self.reference_error(index)?;
        Ok(error.and_then(|error| Borrowed::of(&entry.name, &error, spread(entry, self.precision))))
    }

    /// The largest error of all runs at the same place of any block.
    fn of_all_blocks(&mut self, index: usize) -> Result<Option<Borrowed>, JudgeError> {
        let entries = &self.golden.manifest().entries;
        let (stage, wanted) = (entries[index].stage, role(&entries[index].name));
        if let Some(known) = self.peers.get(&wanted) {
            return Ok(known.clone());
        }
        let mut lent = Vec::new();
        for (peer, entry) in entries.iter().enumerate() {
            if entry.stage == stage && role(&entry.name) == wanted {
                lent.extend(self.of_all_runs(peer)?);
            }
        }
        let worst = lent.into_iter().reduce(Borrowed::at_least);
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
