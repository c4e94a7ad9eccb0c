//! The suites. Each compares, measures or judges one thing, emits events while it works, and knows nothing of its listeners.
//!
//! [`SUITES`] is the slice of all suites. A [`Session`] owns the ranks of a run; each suite plans what it does for a [`Request`]
//! before anything is printed, and emits [`Event`](dinov3_reports::Event)s when rank 0 leads it. A wrong candidate is a failing check. A
//! [`SuiteError`] keeps a suite from judging at all: a damaged golden set, a candidate of another recipe.

mod choice;
pub mod data;
pub mod defects;
mod error;
pub mod forced;
pub mod judging;
pub mod layers;
mod names;
mod pattern;
pub mod performance;
pub mod reduce_op;
mod request;
mod session;
pub mod sets;
mod suite;
mod told;
pub mod training;
pub mod trajectory;
pub mod weights;

pub use choice::Choice;
pub use defects::{DEFECTS, Defect, Plant};
pub use error::SuiteError;
pub use judging::Judging;
pub use names::{NamesError, OtherNames};
pub use pattern::Pattern;
pub use request::{Request, Source, Worker};
pub use session::{Forward, Planned, Ranks, Session, run_alone};
pub use suite::{Part, Plan, SUITES, Suite, SuiteInfo, named, select};
pub use told::Told;
