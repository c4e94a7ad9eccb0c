//! Small tools that every other crate needs: files, lists, names and hints.
//!
//! * [`atomic`]: files and folders that appear whole or not at all.
//! * [`list`]: `a, b and c`.
//! * [`program`]: a program of somebody else, with a limit of time.
//! * [`hex()`]: bytes as text.
//! * [`similar`]: the known name that is most like a given one.
//! * [`scalars`]: figures as TensorBoard reads them.
//! * [`hint`]: the remedies for an error, kept apart from the error's message.
//!
//! The crate depends neither on libtorch nor on any other crate of the workspace, and builds in seconds. `ci` uses it
//! too, and `ci` builds before libtorch is installed.

pub mod atomic;
mod hex;
pub mod hint;
pub mod list;
#[cfg(unix)]
pub mod program;
pub mod scalars;
pub mod similar;

pub use hex::hex;
pub use hint::{AnyError, Hint, Hints, Words};
