//! The networks of DINOv3: layers, vision transformer, heads, losses, and the meta architectures that join them.
//!
//! The same ops in the same order as `facebookresearch/dinov3` at commit `cb054165`, so that on the same machine, with
//! the same seed and thread count, the same bits come out. Files follow the reference's own boundaries. Device and
//! dtype come from the tensors given; random numbers are drawn on the host.
//!
//! Not here: optimizers, processes, goldens, verdicts. A network shows its tensors to a [`hook::Hook`], goes on with what
//! comes back, and knows nothing of who listens.

//! Not here: goldens, verdicts, reports. The trainer shows its tensors to a [`hook::Hook`], goes on with what comes back, and knows nothing of who listens.
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
