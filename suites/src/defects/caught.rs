//! The tensors and checks that must name a defect first.

use dinov3_golden::{Precision, Stage};

use super::{LAYERS, REDUCE_OP, TRAINING};

/// The tensor or the checks that must name a defect first.
#[derive(Clone, Copy, Debug)]
pub enum CaughtBy {
    /// A tensor of a golden set.
    Tensor(Sighting),
    /// Checks of the suite `reduce-op`.
    Checks(Checks),
}

/// The tensor of a golden set that is the first divergence. A defect of a layer sits in block 1.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    /// The name of the suite.
    pub suite: &'static str,
    /// The golden set.
    pub set: &'static str,
    /// At which precision.
    pub precision: Precision,
    /// The stage of the tensor.
    pub stage: Stage,
    /// The tensor.
    pub tensor: &'static str,
    /// The first divergence by the bits, if it is an earlier tensor, in which rounding is larger than the defect.
    pub by_bits: Option<&'static str>,
    /// Tensors after the first that must be wrong by the yardstick as well.
    pub also: &'static [&'static str],
    /// Other sets and suites, by the yardstick.
    pub elsewhere: &'static [Elsewhere],
}

/// The judgement of a defect by the yardstick, in another set or suite.
#[derive(Clone, Copy, Debug)]
pub struct Elsewhere {
    /// The name of the suite.
    pub suite: &'static str,
    /// The golden set.
    pub set: &'static str,
    /// At which precision.
    pub precision: Precision,
    /// The first divergence; none if the defect changes bits, but every tensor by less than its rounding.
    pub tensor: Option<&'static str>,
}

/// The checks of `reduce-op` that a defect turns red. It turns no other check red.
#[derive(Clone, Copy, Debug)]
pub struct Checks {
    /// Their ids, without the suite.
    pub red: &'static [&'static str],
    /// The subject of the first finding of the first of them.
    pub finding: &'static str,
}

/// At fp32.
pub(super) const fn layers(set: &'static str, tensor: &'static str) -> Sighting {
    let (suite, stage) = (LAYERS, Stage::Forward);
    let (by_bits, also, elsewhere): (_, &[&str], &[Elsewhere]) = (None, &[], &[]);
    Sighting { suite, set, precision: Precision::Fp32, stage, tensor, by_bits, also, elsewhere }
}

/// At fp32.
pub(super) const fn training(set: &'static str, stage: Stage, tensor: &'static str) -> Sighting {
    Sighting { suite: TRAINING, stage, ..layers(set, tensor) }
}

/// The judgement at mixed precision of a set for `layers`; see [`Elsewhere::tensor`].
pub(super) const fn at_bf16(set: &'static str, tensor: Option<&'static str>) -> Elsewhere {
    Elsewhere { suite: LAYERS, set, precision: Precision::Bf16, tensor }
}

/// The judgement of the suite `training` for a defect of a layer, at fp32.
pub(super) const fn in_training(set: &'static str, tensor: &'static str) -> Elsewhere {
    Elsewhere { suite: TRAINING, set, precision: Precision::Fp32, tensor: Some(tensor) }
}

impl Sighting {
    pub(super) const fn by_bits(self, tensor: &'static str) -> Self {
        Self { by_bits: Some(tensor), ..self }
    }

    pub(super) const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    pub(super) const fn elsewhere(self, elsewhere: &'static [Elsewhere]) -> Self {
        Self { elsewhere, ..self }
    }
}

impl CaughtBy {
    /// The name of the suite of the check.
    pub fn suite(&self) -> &'static str {
        match self {
            CaughtBy::Tensor(sighting) => sighting.suite,
            CaughtBy::Checks(_) => REDUCE_OP,
        }
    }
}
