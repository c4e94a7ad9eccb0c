//! What is reduced, and how.

use crate::Float;
use crate::message::vocabulary::words;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An op of a reduction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// SUM.
    Sum,
    /// PREMUL_SUM at one over this.
    Fraction(u32),
    /// PREMUL_SUM at one over the number of ranks.
    World,
    /// PREMUL_SUM at 2, in reports that do not say [`Op::Factor`] of it.
    Two,
    /// PREMUL_SUM at this factor.
    Factor(Float),
    /// AVG.
    Avg,
}

impl Op {
    /// Its name, the same in all languages.
    pub fn name(self) -> String {
        match self {
            Self::Sum => "SUM".to_owned(),
            Self::Fraction(1) => "PREMUL_SUM(1)".to_owned(),
            Self::Fraction(n) => format!("PREMUL_SUM(1/{n})"),
            Self::World => "PREMUL_SUM(1/world)".to_owned(),
            Self::Two => "PREMUL_SUM(2)".to_owned(),
            Self::Factor(factor) => format!("PREMUL_SUM({})", factor.0),
            Self::Avg => "AVG".to_owned(),
        }
    }
}

words! {
    /// What a tensor is filled with.
    pub Values {
        /// Whole numbers whose sum is exact.
        Whole: "whole numbers", "整数";
        /// A power of two on one rank, zero on all others.
        Single: "one rank's powers of two", "仅一个 rank 取 2 的幂";
        /// NaN, infinities, zeros of both signs, subnormals, and numbers that overflow.
        Special: "special values", "特殊值";
        /// Any numbers.
        Random: "random numbers", "随机数";
    }
}

/// Who multiplies under PREMUL_SUM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Multiplies {
    /// The backend.
    Backend,
    /// Each rank, before SUM.
    Ranks,
    /// Nobody: SUM stands for it at factor 1.
    Nobody,
}
