//! Multi-crop augmentation (`DataAugmentationDINO`, `dinov3/data/augmentations.py`).
//!
//! In two halves. [`Augmentation::draw`] takes an image's parameters from the random streams, in the reference's order, and needs no
//! more of the image than its size. [`Augmentation::apply`] makes the crops, and draws nothing. So one thread can draw for all
//! images in order while many make crops in any order, with the same crops as one thread.

mod apply;
mod draw;

pub use apply::{Crop, Crops};
pub use draw::{Colour, Distortion, Jitter, Local, Parameters, View};

/// How an augmentation treats images; a field is an argument of the reference's.
#[derive(Clone, Debug, PartialEq)]
pub struct Augmentation {
    /// Least and greatest part of the image's area in a global crop.
    pub global_crops_scale: (f64, f64),
    /// Least and greatest part of the image's area in a local crop.
    pub local_crops_scale: (f64, f64),
    /// Local crops of an image.
    pub local_crops_number: usize,
    /// Side of a global crop in pixels.
    pub global_crops_size: usize,
    /// Side of a local crop in pixels.
    pub local_crops_size: usize,
    /// Crops for the Gram teacher: the same views as the global crops.
    pub gram_teacher: Option<GramTeacherCrops>,
    /// Local crops are cut from the global ones, at whole patches.
    pub local_crops_subset_of_global_crops: bool,
    /// Side of a patch in pixels.
    pub patch_size: usize,
    /// Colours are jittered once for the whole image, not for each crop.
    pub share_color_jitter: bool,
    /// Half of the views are mirrored.
    pub horizontal_flips: bool,
    /// Mean of red, green and blue, of 0 to 1.
    pub mean: [f64; 3],
    /// Standard deviation of red, green and blue.
    pub std: [f64; 3],
}

/// The Gram teacher's crops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GramTeacherCrops {
    /// Side in pixels.
    pub size: usize,
    /// Without jitter, blur and solarisation.
    pub no_distortions: bool,
}

impl Augmentation {
    /// Side of the views that global crops and Gram teacher crops are both made of.
    pub fn view_size(&self) -> usize {
        self.gram_teacher.map_or(self.global_crops_size, |gram| gram.size.max(self.global_crops_size))
    }
}
