//! Parameters after Adam's division: for a gradient near zero, the quotient is the gradient's sign.
//! [`crate::tolerance`] gives the reason for the rule.

use crate::metrics::Metrics;
use crate::names::{Kind, Stage};
use crate::set::Recorded;
use crate::tensor::TensorView;
use crate::tolerance::{COMPLEMENT, SQUARE, correction};

use super::rule::{self, Beside, Yardstick};
use super::{Judge, JudgeError};

/// The stored elements of a parameter that took a step in a direction that rounding cannot turn.
#[derive(Debug, Clone)]
pub(super) struct Decided(Vec<bool>);

impl Decided {
    /// The bytes of the selected elements of a tensor, one after another.
    fn of(&self, view: TensorView<'_>) -> Vec<u8> {
        let elements = view.bytes().chunks_exact(view.dtype().size());
        elements.zip(&self.0).filter(|(_, decided)| **decided).flat_map(|(bytes, _)| bytes.iter().copied()).collect()
    }
}

impl<'a> Judge<'a> {
    /// Measures `candidate` against `reference`, both stored parts of the entry `index`, on the elements that can be
    /// judged.
    pub(super) fn measured(
        &mut self,
        index: usize,
        candidate: TensorView<'_>,
        reference: TensorView<'_>,
    ) -> Result<Metrics, JudgeError> {
        let Some(decided) = self.decided(index)? else { return self.compared(index, candidate, reference) };
        let (ours, theirs) = (decided.of(candidate), decided.of(reference));
        let shape = [ours.len() / candidate.dtype().size()];
        let view = |dtype, bytes| TensorView::new(dtype, &shape, bytes);
        match (view(candidate.dtype(), &ours), view(reference.dtype(), &theirs)) {
            (Ok(ours), Ok(theirs)) => self.compared(index, ours, theirs),
            // The shape differs from the moment's shape: measure all elements.
            _ => self.compared(index, candidate, reference),
        }
    }

    /// The elements of a parameter that Adam moved, or of an average of it, with a step that rounding cannot turn;
    /// `None` for any other entry.
    pub(super) fn decided(&mut self, index: usize) -> Result<Option<Decided>, JudgeError> {
        let entry = &self.golden.manifest().entries[index];
        let moment = self.rules.moment_of(&entry.name, entry.stage);
        let Some(moment) = moment.and_then(|name| self.index.get(name.as_str()).copied()) else {
            return Ok(None);
        };
        if let Some(known) = self.decided.get(&moment) {
            return Ok(known.clone());
        }
        let decided = self.beyond_rounding(moment)?;
        self.decided.insert(moment, decided.clone());
        Ok(decided)
    }

    /// The error that AdamW's arithmetic adds to an entry: see [`COMPLEMENT`], [`SQUARE`] and [`correction`].
    pub(super) fn beside(&mut self, golden: Recorded<'_>) -> Result<Beside, JudgeError> {
        Ok(match (golden.entry.name.kind(), golden.entry.stage) {
            (Kind::ExpAvgSq, _) => Beside { relative: COMPLEMENT, each: self.square(golden.entry.name.path())? },
            (Kind::Param, Stage::Optimizer | Stage::Ema) => Beside { relative: 0.0, each: self.step()? },
            _ => Beside::default(),
        })
    }

    /// The square of the largest error that the first moment beside a second one may have, as a second moment weighs it.
    fn square(&mut self, parameter: &str) -> Result<f64, JudgeError> {
        let first = Kind::ExpAvg.name(parameter);
        let Some(moment) = self.index.get(first.as_str()).copied() else { return Ok(0.0) };
        Ok(SQUARE * self.largest_error(moment)?.unwrap_or(0.0).powi(2))
    }

    /// The error of one element's step: AdamW moves none by much more than the learning rate.
    fn step(&self) -> Result<f64, JudgeError> {
        let manifest = self.golden.manifest();
        let Some(training) = &manifest.recipe.training else { return Ok(0.0) };
        let Some(curve) = self.index.get("schedule:lr") else { return Ok(0.0) };
        let curve = self.golden.recorded(&manifest.entries[*curve], self.precision)?;
        let rates = curve.stored.map_or_else(Vec::new, |stored| stored.values());
        // Of a curve of which not every value is stored, the two around the step.
        let before = training.iteration / curve.stride();
        let near = rates.iter().skip(before).take(if curve.stride() == 1 { 1 } else { 2 });
        Ok(correction(training.updates + 1) * near.copied().fold(0.0, f64::max))
    }

    /// The elements of a first moment that are larger than the largest error allowed for it; `None` if that error is
    /// unknown.
    fn beyond_rounding(&mut self, moment: usize) -> Result<Option<Decided>, JudgeError> {
        let Some(limit) = self.largest_error(moment)? else { return Ok(None) };
        let Some(stored) = self.truth(moment)?.and_then(|it| it.stored) else { return Ok(None) };
        let mut decided = Vec::with_capacity(stored.numel());
        stored.for_each_chunk(|values| decided.extend(values.iter().map(|value| value.abs() > limit)));
        Ok(Some(Decided(decided)))
    }

    /// The largest error allowed for an element of a first moment, where it is known.
    fn largest_error(&mut self, moment: usize) -> Result<Option<f64>, JudgeError> {
        let reference = self.reference_error(moment)?;
        let borrowed = self.borrowed(moment)?;
        let golden: Recorded<'a> = self.golden.recorded(&self.golden.manifest().entries[moment], self.precision)?;
        let (truth, resolution) = (self.truth(moment)?, golden.record.dtype);
        let yardstick =
            Yardstick { golden, truth, reference, borrowed, resolution, in_part: false, beside: Beside::default() };
        Ok(rule::largest_error(&yardstick))
    }
}
