//! What the benchmarks share that time us beside the reference: `step` of the model, `augment` and `prepare` of the data.
//!
//! Each of them times both sides in turn, the reference's by a Python program of its own (`benches/*/reference.py`), and
//! refuses to compare the speed of what is not the same. In common they have
//!
//! * the options [`Arguments`], and what they mean for paths;
//! * [`Reference`]: whether the reference can be run, and running it. The Python side of this is
//!   `golden/export/dinov3_export/beside.py`;
//! * [`Failure`]: exit codes 1, 2 and 3, with a message and a hint;
//! * [`Spread`] and [`Columns`]: what a person reads, and [`write_json`]: what a program does.

mod arguments;
mod failure;
mod json;
mod process;
mod reference;
mod table;

pub use arguments::{Arguments, exit_codes, from_caller};
pub use failure::{ENVIRONMENT, FAILED, Failure, USAGE};
pub use json::write_json;
pub use process::figures;
pub use reference::Reference;
pub use table::{Columns, Spread, or_dash};
