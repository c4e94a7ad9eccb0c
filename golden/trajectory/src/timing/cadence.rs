//! Steps that do more than train, and so do not count for the speed of a step.

use serde::{Deserialize, Serialize};

use crate::limits::Limit;

/// Why a step does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// One of the first: memory is allocated, kernels are chosen, caches are filled.
    WarmUp,
    /// The teacher is exported for evaluation, within the time of the step.
    Evaluation,
    /// The state is saved.
    Checkpoint,
    /// The reference collects Python's garbage.
    Collection,
}

impl Reason {
    /// Every reason, in the order in which it is looked for.
    pub const ALL: [Self; 4] = [Self::WarmUp, Self::Evaluation, Self::Checkpoint, Self::Collection];

    /// The name in results: `warm_up`.
    pub fn name(self) -> &'static str {
        match self {
            Self::WarmUp => "warm_up",
            Self::Evaluation => "evaluation",
            Self::Checkpoint => "checkpoint",
            Self::Collection => "collection",
        }
    }
}

/// How often a run does more than train, in steps; 0 is never. Step `s` does it when `s + 1` is a multiple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cadence {
    /// The first steps after a start, which warm up.
    pub warm_up: u64,
    /// `evaluation.eval_period_iterations`.
    pub evaluation: u64,
    /// `checkpointing.period`.
    pub checkpoint: u64,
    /// The reference's 150.
    pub collection: u64,
}

impl Cadence {
    /// The published recipe in a run of so many steps.
    pub fn published(steps: u64) -> Self {
        Self { warm_up: 0, evaluation: 12_500, checkpoint: 3750, collection: 150 }.of_steps(steps)
    }

    /// The same with the warm-up of a run of so many steps.
    pub fn of_steps(self, steps: u64) -> Self {
        let share = (steps as f64 * Limit::SettledShare.value()).ceil();
        Self { warm_up: share.min(Limit::WarmUp.value()) as u64, ..self }
    }

    /// Why a step does not count, in a process whose first step is `start`.
    pub fn reason(&self, step: u64, start: u64) -> Option<Reason> {
        let due = |period: u64| period > 0 && (step + 1).is_multiple_of(period);
        Reason::ALL.into_iter().find(|reason| match reason {
            Reason::WarmUp => step.saturating_sub(start) < self.warm_up,
            Reason::Evaluation => due(self.evaluation),
            Reason::Checkpoint => due(self.checkpoint),
            Reason::Collection => due(self.collection),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_run_exports_at_its_last_step() {
        let full = Cadence::published(125_000);
        assert_eq!(full.reason(124_999, 0), Some(Reason::Evaluation));
        assert_eq!(full.reason(3749, 0), Some(Reason::Checkpoint));
        assert_eq!(full.reason(1199, 0), Some(Reason::Collection));
        assert_eq!((full.reason(19, 0), full.reason(20, 0)), (Some(Reason::WarmUp), None));
        assert_eq!((full.reason(5019, 5000), full.reason(5020, 5000)), (Some(Reason::WarmUp), None));
        assert_eq!(Cadence::published(30).warm_up, 6);
        assert_eq!(Cadence { warm_up: 0, evaluation: 0, checkpoint: 0, collection: 0 }.reason(0, 0), None);
    }
}
