//! What is asked of the suites beyond their sets: some checks alone, and what a candidate may lack or call otherwise.

use dinov3_golden::Precision;

use crate::names::OtherNames;
use crate::pattern::Pattern;

/// Which checks are asked for, and what a candidate may lack or call otherwise.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The names of the checks that are asked for; all of them if there is none.
    pub checks: Vec<Pattern>,
    /// The precision that is asked for; every one if there is none.
    pub precision: Option<Precision>,
    /// The names of the tensors that a candidate need not have.
    pub allow_missing: Vec<Pattern>,
    /// The golden set's names of tensors that a candidate calls otherwise.
    pub names: OtherNames,
}

impl Choice {
    /// Whether the check `id` is asked for.
    pub fn takes(&self, id: &str) -> bool {
        self.checks.is_empty() || self.checks.iter().any(|pattern| pattern.matches(id))
    }

    /// Whether the check `id` of a set at a precision is asked for.
    pub fn takes_at(&self, id: &str, precision: Precision) -> bool {
        self.precision.is_none_or(|wanted| wanted == precision) && self.takes(id)
    }

    /// Whether a candidate need not have the tensor.
    pub fn may_lack(&self, tensor: &str) -> bool {
        self.allow_missing.iter().any(|pattern| pattern.matches(tensor))
    }
}
