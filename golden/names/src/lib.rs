//! Names of the tensors that a training step shows.
//!
//! A name is `[kind:]path[#call][:port]`: `student.backbone.blocks.3.attn.qkv#1:in`, `grad:student.backbone.cls_token`.
//! The trainer composes names, golden sets store them, the judge and the suites take them apart. This crate holds the one
//! grammar ([`EntryName`]) and the one table of kinds ([`Kind`], [`table`]).
//!
//! The exporter of golden sets is a Python program. It reads `kinds.json`, which lies beside this crate's sources and equals
//! [`table`]. Both languages take the names in `examples.json` apart, and must agree on parts and refusals.

// `named!` names this crate by its own name, here too.
extern crate self as dinov3_names;

mod entry;
mod kind;
mod vocabulary;

pub use entry::{EntryName, EntryNameError, EntryNameProblem, compose};
pub use kind::{Keep, Kind, Named, Row, Stage, table};
pub use vocabulary::UnknownName;

/// What [`named!`] needs of other crates.
#[doc(hidden)]
pub mod private {
    pub use serde;
}
