//! DINOv3's data, from ImageNet on disk to collated batches.
//!
//! The crate does the work of `dinov3/data` at the pinned commit without Python. It draws from the same random streams,
//! so the same seed gives the same crops, masks and pixels. The crate does not use libtorch: a batch is plain memory,
//! and the trainer turns it into tensors.
//!
//! * [`config`]: the data of a run, read from its config.
//! * [`tables`], [`imagenet`], [`dataset`]: the list of images and their files.
//! * [`decode`]: JPEG and PNG files to RGB pixels, as Pillow decodes them.
//! * [`augment`]: multi-crop augmentation: parameters from the streams, crops from the parameters.
//! * [`pixels`]: crops, flips, colour, blur and normalisation, as torchvision does them on PIL images.
//! * [`masking`]: masks for iBOT.
//! * [`collate`]: crops and masks of a batch; [`loader`]: batches made ahead by threads.
//! * [`samplers`], [`combined`]: the order of the images, and the choice of a loader for each batch.
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
