//! The yardstick of an entry: the reference's own error at the entry, and errors borrowed from other entries. The
//! reasons are in [`crate::tolerance`].

use crate::manifest::{Entry, Spread};
use crate::metrics::Metrics;
use crate::names::{Kind, Precision, Stage};
use crate::tolerance::SMALL;

use super::rule::Borrowed;
use super::{Judge, JudgeError};

impl Judge<'_> {
    /// The reference's own error at this precision; `None` if no elements are stored or no truth was recorded.
    pub(super) fn reference_error(&mut self, index: usize) -> Result<Option<Metrics>, JudgeError> {
        if let Some(known) = self.reference.get(&index) {
            return Ok(*known);
        }
        let recorded = self.golden.recorded(&self.golden.manifest().entries[index], self.precision)?;
        let error = match (recorded.stored, self.truth(index)?.and_then(|truth| truth.stored)) {
            (Some(reference), Some(truth)) => Some(self.measured(index, reference, truth)?),
            _ => None,
        };
        self.reference.insert(index, error);
        Ok(error)
    }

    /// The yardstick in addition to the recorded run's error at an entry: see [`crate::tolerance`].
    pub(super) fn borrowed(&mut self, index: usize) -> Result<Option<Borrowed>, JudgeError> {
        let entry = &self.golden.manifest().entries[index];
        let rare = (self.precision == Precision::Fp32).then(|| self.rules.lender(entry.stage, &entry.name)).flatten();
        let of_any_block = rare.map(|place| self.of_all_blocks(entry.stage, place)).transpose()?.flatten();
        let own = self.of_all_runs(index)?.into_iter().chain(of_any_block).reduce(Borrowed::at_least);
        if self.reference_error(index)?.is_some_and(|error| error.count >= self.enough()) {
            return Ok(own);
        }
        let lender = self.nearest_larger(index)?;
        Ok(own.into_iter().chain(lender).reduce(Borrowed::at_least))
    }

    /// The number of stored elements from which an entry needs no borrowed error, and lends its own.
    fn enough(&self) -> u64 {
        let most = self.golden.manifest().sample_limit.unwrap_or(usize::MAX);
        // The stride of a sample is rounded up, so a sample holds less than its limit, but not less than half of it.
        SMALL.min(most / 2) as u64
    }

    /// The largest error of the recorded run and the runs of the spread.
    fn of_all_runs(&mut self, index: usize) -> Result<Option<Borrowed>, JudgeError> {
        let entry = &self.golden.manifest().entries[index];
        let error = self.reference_error(index)?;
        Ok(error.and_then(|error| Borrowed::of(entry.name.as_str(), &error, spread(entry, self.precision))))
    }

    /// The largest error of all runs at a place of any block.
    fn of_all_blocks(&mut self, stage: Stage, wanted: String) -> Result<Option<Borrowed>, JudgeError> {
        let entries = &self.golden.manifest().entries;
        if let Some(known) = self.peers.get(&wanted) {
            return Ok(known.clone());
        }
        let mut lent = Vec::new();
        for (peer, entry) in entries.iter().enumerate() {
            if entry.stage == stage && self.rules.role(&entry.name) == wanted {
                lent.extend(self.of_all_runs(peer)?);
            }
        }
        let worst = lent.into_iter().reduce(Borrowed::at_least);
        self.peers.insert(wanted, worst.clone());
        Ok(worst)
    }

    /// The nearest entry before `index` of the same kind that has enough elements and is not exact.
    fn nearest_larger(&mut self, index: usize) -> Result<Option<Borrowed>, JudgeError> {
        let entries = &self.golden.manifest().entries;
        for lender in (0..index).rev() {
            let entry = &entries[lender];
            let float = entry.records.get(self.precision).is_some_and(|record| record.dtype.is_float());
            if !float || !lends_to(entry, &entries[index]) {
                continue;
            }
            if let Some(error) = self.reference_error(lender)?
                && error.count >= self.enough()
                && let Some(lent) = Borrowed::of(entry.name.as_str(), &error, spread(entry, self.precision))
            {
                return Ok(Some(lent));
            }
        }
        Ok(None)
    }
}

/// Whether `lender` may lend its error: both entries are in the same stage, and in stage `optimizer` also of the same
/// kind. A norm of gradients borrows from the gradients.
fn lends_to(lender: &Entry, borrower: &Entry) -> bool {
    match borrower.stage {
        Stage::Optimizer if borrower.name.kind() == Kind::GradNorm => lender.stage == Stage::Backward,
        Stage::Optimizer => lender.stage == Stage::Optimizer && lender.name.kind() == borrower.name.kind(),
        stage => lender.stage == stage,
    }
}

/// The spread of an entry. A bf16 entry without a spread takes that of float32: mixed precision keeps weights and
/// moments in float32, from the same draws, so it is no closer to the truth than float32.
fn spread(entry: &Entry, precision: Precision) -> Option<&Spread> {
    let of = |precision| entry.records.get(precision).and_then(|record| record.spread.as_ref());
    match precision {
        Precision::Bf16 => of(Precision::Bf16).or(of(Precision::Fp32)),
        _ => of(precision),
    }
}
