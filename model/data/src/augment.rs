//! Multi-crop augmentation (`DataAugmentationDINO`, `dinov3/data/augmentations.py`).
//!
//! The augmentation has two halves. [`Augmentation::draw`] takes an image's parameters from the random streams, in the
//! reference's order; it needs only the size of the image. [`Augmentation::apply`] makes the crops and draws no random
//! numbers. One thread can therefore draw for all images in order while many threads make crops in any order, and the
//! crops are the same as with one thread.

mod apply;
mod draw;

pub use apply::{Crop, Crops};
pub use draw::{Colour, Distortion, Jitter, Local, Parameters, View};

/// The settings of an augmentation. Each field is an argument of the reference's class.
#[derive(Clone, Debug, PartialEq)]
pub struct Augmentation {
    /// Smallest and largest share of the image's area in a global crop.
    pub global_crops_scale: (f64, f64),
    /// Smallest and largest share of the image's area in a local crop.
    pub local_crops_scale: (f64, f64),
    /// Number of local crops per image.
    pub local_crops_number: usize,
    /// Side of a global crop in pixels.
    pub global_crops_size: usize,
    /// Side of a local crop in pixels.
    pub local_crops_size: usize,
    /// Crops for the Gram teacher, with the same views as the global crops; `None` without them.
    pub gram_teacher: Option<GramTeacherCrops>,
    /// Whether local crops are cut from the global crops, at whole patches.
    pub local_crops_subset_of_global_crops: bool,
    /// Side of a patch in pixels.
    pub patch_size: usize,
    /// Whether colours are jittered once for the whole image instead of for each crop.
    pub share_color_jitter: bool,
    /// Whether half of the views are mirrored.
    pub horizontal_flips: bool,
    /// Mean of red, green and blue, for values from 0 to 1.
    pub mean: [f64; 3],
    /// Standard deviation of red, green and blue.
    pub std: [f64; 3],
}

/// The Gram teacher's crops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GramTeacherCrops {
    /// Side in pixels.
    pub size: usize,
    /// Whether the crops have no jitter, blur and solarisation.
    pub no_distortions: bool,
}

impl Augmentation {
    /// Side of the views from which global crops and Gram teacher crops are made.
    pub fn view_size(&self) -> usize {
        self.gram_teacher.map_or(self.global_crops_size, |gram| gram.size.max(self.global_crops_size))
    }
}
