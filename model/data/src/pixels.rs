//! The pixel operations of the augmentation. They take parameters and draw no random numbers.
//!
//! Each operation gives the same bytes as torchvision 0.23's v2 transforms on a PIL image with Pillow 13.0: the same
//! fixed-point or floating-point arithmetic, in the same order.

mod blur;
mod jitter;
mod normalise;
mod resize;

pub use blur::{SHORTEST_SIDE, TorchVectors, blur, blur_as};
pub use jitter::{adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation, greyscale, solarise};
pub use normalise::normalised;
pub use resize::{Region, crop_resized, flip_horizontal, resize, resize_shorter, resize_tensor};

#[cfg(test)]
mod tests;
