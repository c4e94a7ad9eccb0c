//! Files of weights: what torch's programs write, read and written without Python and without libtorch.
//!
//! | format | on disk | written by |
//! | --- | --- | --- |
//! | [`Format::Pth`] | a zip of a pickle and of storages | `torch.save` |
//! | [`Format::Dcp`] | a folder: `.metadata`, and a file `__N_0.distcp` per rank | `torch.distributed.checkpoint.save` |
//! | [`Format::Safetensors`] | a header of JSON, and bytes | `safetensors` |
//! | [`Format::State`] | a folder: `manifest.json`, and a file per rank | this trainer |
//!
//! [`Checkpoint::open`] reads names, dtypes and shapes. Bytes are read when they are asked for, by all threads. A file is taken as hostile: nothing
//! that a pickle names is called, nothing outside of the folder is opened, and what is held is bounded by what the files hold.

mod checkpoint;
mod convert;
mod dcp;
mod dtype;
mod error;
mod file;
mod pickle;
mod pth;
mod safe;
mod state;
mod stored;
mod tree;
mod write;

pub use checkpoint::{Checkpoint, Format};
pub use convert::{Converted, convert, is_of_a_state, is_part};
pub use dtype::Dtype;
pub use error::FileError;
pub use pth::read_tensor;
pub use stored::Stored;
pub use tree::{Entry, Key, Leaf, Value};
pub use write::{Item, What, write_dcp, write_pth, write_safetensors};
