//! The suites: each compares, measures or judges one thing, emits events while it works, and knows nothing of who
//! listens.
//!
//! A suite is a function of a resolved request and a [`Reporter`](dinov3_reports::Reporter). What is wrong with the
//! candidate is a failing check; what keeps the suite from judging at all (a damaged golden set, a candidate of another
//! recipe) is a [`SuiteError`].

pub mod catalogue;
pub mod data;
mod error;
pub mod judging;
pub mod layers;
pub mod reduce_op;
pub mod sets;
pub mod training;

pub use catalogue::{CATALOGUE, SuiteInfo};
pub use error::SuiteError;
pub use judging::{Judging, Request, Source};
