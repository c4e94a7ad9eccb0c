//! The error of one operation by itself.
//!
//! Forced replay computes an operation in float64 from the inputs that the candidate recorded. The result is the
//! operation's *local truth*: the candidate's own output minus the local truth is the error that this operation made,
//! whatever happened before it.
//!
//! A correct operation in bfloat16 is a float32 result that is rounded once, so nearly every element *is* the nearest
//! bfloat16 number to the local truth, and its error is spread evenly over half a step to either side. A mistake that is
//! too small for any one element still shows in sums over all of them. [`OwnError`] therefore holds, beside the size of
//! the error:
//!
//! * the share of elements that are not the nearest number ([`OwnError::misrounded`]),
//! * the mean error in steps ([`OwnError::bias`]),
//! * the relative factor that fits best ([`OwnError::factor`]),
//! * for each [`Probe`], a direction in which a known mistake would move the output, how far the output lies in it.
//!
//! Each of the last three is an [`Estimate`] with a standard error, so a figure says how small a mistake this recording
//! could have shown. [`judge`] has the limits.

mod error;
mod rule;
mod steps;

pub use error::{Estimate, OwnError, Probe, own_error, own_error_of_sums};
pub use rule::{Bound, Breach, LocalJudgement, Measure, judge};
pub use steps::Steps;

#[cfg(test)]
mod tests;
