//! What every other crate needs and none should write again.
//!
//! * [`atomic`]: files and folders that appear whole or not at all.
//! * [`list`]: `a, b and c`.
//! * [`similar`]: the known name that somebody meant.
//! * [`hint`]: what to do about an error, apart from what the error is.
//!
//! The crate knows neither libtorch nor any other crate of the workspace, and takes seconds to build: `ci`, which builds before
//! libtorch is there, uses it too.

pub mod atomic;
pub mod hint;
pub mod list;
pub mod similar;

pub use hint::{AnyError, Hint, Hints, Words};
