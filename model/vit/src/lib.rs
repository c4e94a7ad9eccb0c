//! The networks of DINOv3: layers, vision transformer, heads, losses, and the meta architectures that join them.
//!
//! The ops and their order are those of `facebookresearch/dinov3` at commit `cb054165`, so that the same machine, seed and thread count give
//! the same bits. Files follow the reference's own boundaries. Device and dtype come from the tensors given; random numbers are drawn on the
//! host.
//!
//! Optimizers, processes, golden sets and verdicts are not here. A network shows its tensors to a [`hook::Hook`], goes on with the tensors
//! that the hook returns, and knows nothing of who listens.

pub mod hook;
mod init;
pub mod layers;
pub mod loss;
pub mod meta_arch;
pub mod micro;
pub mod module;
mod ragged;
pub mod residence;
pub mod vit;
