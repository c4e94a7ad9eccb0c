//! Whether a run is as good as one that was accepted before: speed within its noise, loss, precision.
//!
//! A gate holds the report of a run against a [`Baseline`] by [`Rule`]s. A baseline of another device, recipe, precision state or version
//! is refused unless the difference is named. The rule of speed knows its noise: what it cannot find, it does not call a pass.

mod baseline;
mod error;
mod judge;
mod likeness;
mod rules;

pub use baseline::{Accepted, Baseline};
pub use error::GateError;
pub use judge::{Judged, judge};
pub use likeness::Trait;
pub use rules::{Op, Rule, Rules, What};

/// The key of the figure whose noise is known.
const SPEED: &str = "fps_median";

/// The name of the suite that a gate is in reports.
pub const SUITE: &str = "gate";

#[cfg(test)]
mod tests;
