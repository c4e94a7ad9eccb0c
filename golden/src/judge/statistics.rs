//! Statistics in the place of a tensor: what a dump of another tool has.

use crate::digest::Stats;
use crate::names::Dtype;

use super::reason::Reason;
use super::result::{EntryJudgement, Outcome};
use super::rule::{self, Yardstick};
use super::{Judge, JudgeError};

impl Judge<'_> {
    /// Judges the statistics of a tensor whose elements nobody has. They cannot tell whether the bits are the same, so the outcome is never
    /// [`Outcome::Identical`], whatever is expected.
    ///
    /// # Errors
    /// As [`Judge::observe`].
    pub fn observe_statistics(
        &mut self,
        name: &str,
        (dtype, shape): (Dtype, &[usize]),
        stats: &Stats,
    ) -> Result<&EntryJudgement, JudgeError> {
        let Some(golden) = self.expected(name)? else { return Ok(self.refuse(name)) };
        let index = self.index[golden.entry.name.as_str()];
        let mut judgement =
            EntryJudgement::new(golden.entry.name.as_str(), Some(golden.entry.stage), Outcome::WithinYardstick);
        judgement.index = Some(index);
        if dtype != golden.record.dtype {
            judgement.fail(Outcome::DtypeDiffers, Reason::Dtype { golden: golden.record.dtype, candidate: dtype });
        } else if shape != golden.record.shape {
            let reason = Reason::Shape { golden: golden.record.shape.clone(), candidate: shape.to_vec() };
            judgement.fail(Outcome::ShapeDiffers, reason);
        } else {
            judgement.reference = self.reference_error(index)?;
            let borrowed = self.borrowed(index)?;
            let (truth, in_part) = (self.truth(index)?, false);
            let reference = judgement.reference;
            // The statistics themselves are rounded to the dtype; q and k of a float32 run are bfloat16 numbers.
            let resolution = golden.stored.map_or(dtype, |stored| stored.resolution());
            judgement.resolution = Some(resolution);
            let beside = self.beside(golden)?;
            let yardstick = Yardstick { golden, truth, reference, borrowed, resolution, in_part, beside };
            let verdict = rule::statistics(&yardstick, stats).map_err(|metric| JudgeError::NoTolerance {
                entry: golden.entry.name.to_string(),
                stage: golden.entry.stage,
                metric,
            })?;
            match verdict {
                rule::Verdict::Within { checks } => judgement.checks = checks,
                rule::Verdict::Beyond { checks, reason } => {
                    judgement.checks = checks;
                    judgement.fail(Outcome::Beyond, reason);
                }
                rule::Verdict::NonFinite { reason } => judgement.fail(Outcome::NonFinite, reason),
                rule::Verdict::Unknown { reason } => judgement.fail(Outcome::NotJudged, reason),
            }
        }
        Ok(self.judged[index].insert(judgement))
    }
}
