//! DINOv3's data, from ImageNet on disk to collated batches.
//!
//! What `dinov3/data` does at the pinned commit, without Python: the same random streams, so the same crops and masks for the same
//! seed, and the same pixels. This crate knows nothing of libtorch: a batch is plain memory that the trainer turns into tensors.
//!
//! * [`config`]: what a run's config says of its data.
//! * [`tables`], [`imagenet`], [`dataset`]: which images there are, and their files.
//! * [`decode`]: JPEG and PNG files to RGB pixels, as Pillow decodes them.
//! * [`augment`]: multi-crop augmentation: parameters from the streams, crops from the parameters.
//! * [`pixels`]: crops, flips, colour, blur and normalisation, as torchvision does them on PIL images.
//! * [`masking`]: what iBOT masks.
//! * [`collate`]: crops and masks of a batch; [`loader`]: batches made ahead by threads.
//! * [`samplers`], [`combined`]: in which order images come, and from which loader a batch.
//! * [`random`]: the generators of torch, Python and NumPy, bit for bit.

pub mod augment;
pub mod collate;
pub mod combined;
pub mod config;
pub mod dataset;
pub mod decode;
pub mod image;
pub mod imagenet;
pub mod loader;
pub mod masking;
pub mod memory;
pub mod npy;
pub mod pixels;
pub mod random;
pub mod samplers;
pub mod tables;
