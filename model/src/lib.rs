//! The DINOv3 trainer on libtorch.
//!
//! The same ops in the same order as `facebookresearch/dinov3` at commit `cb054165`, so that on the same machine, with
//! the same seed and thread count, the same bits come out. Files follow the reference's own boundaries. Device and
//! dtype come from the tensors given; random numbers are drawn on the host.
//!
//! Not here: goldens, verdicts, reports. The trainer shows its tensors to a [`tap::Tap`] and knows nothing of who looks.

pub mod bytes;
pub mod config;
pub mod dist;
pub mod fault;
mod init;
pub mod layers;
pub mod loss;
pub mod meta_arch;
pub mod metrics;
pub mod module;
pub mod optim;
mod ragged;
pub mod runtime;
pub mod schedule;
pub mod shard;
pub mod shim;
pub mod tap;
pub mod train;
pub mod vit;
pub mod weights;
