//! Names of the tensors of a training step.
//!
//! A name is `[kind:]path[#call][:port]`: `student.backbone.blocks.3.attn.qkv#1:in`, `grad:student.backbone.cls_token`.
//! The trainer composes names, golden sets store them, and the judge and the suites parse them. This crate holds the
//! only grammar ([`EntryName`]) and the only table of kinds ([`Kind`], [`table`]).
//!
//! The exporter of golden sets is a Python program. It reads `kinds.json` in this crate's folder, and a test requires
//! that the file equals [`table`]. Both languages parse the names in `examples.json` and must agree on parts and
//! refusals.

// `named!` names this crate by its own name, here too.
extern crate self as dinov3_names;

mod entry;
mod kind;
mod vocabulary;

pub use entry::{EntryName, EntryNameError, EntryNameProblem, compose};
pub use kind::{Keep, Kind, Named, Row, Stage, table};
pub use vocabulary::UnknownName;

/// Parts of a module's path that wrappers of PyTorch insert: compilation, checkpointing, and two kinds of sharding.
pub const WRAPPERS: [&str; 4] =
    ["_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module", "_fsdp_unwrapped_module"];

/// Dependencies of [`named!`].
#[doc(hidden)]
pub mod private {
    pub use serde;
}
