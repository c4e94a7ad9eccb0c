//! Batches (`collate_data_and_cast`, `dinov3/data/collate.py`).

use crate::augment::{Augmentation, Crop, Crops};
use crate::image::Image;
use crate::masking::{Masking, Masks};
use crate::random::Streams;

/// The settings that make a batch from images.
#[derive(Clone, Debug)]
pub struct Collation {
    /// Makes the crops of an image.
    pub augmentation: Augmentation,
    /// Chooses the masked patches of the global crops.
    pub masking: Masking,
}

impl Collation {
    /// Makes a batch as one of the reference's workers does: images one after another, then masks.
    pub fn batch(&self, images: &[&Image], streams: &mut Streams) -> Batch {
        let crops = |image: &&Image| {
            let parameters = self.augmentation.draw(image.width(), image.height(), streams);
            self.augmentation.apply(image, &parameters)
        };
        let crops = images.iter().map(crops).collect();
        Batch::new(crops, self.masking.draw(images.len(), streams))
    }
}

/// Crops and masks of B images.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// 2 B crops `[3, S, S]`: first crops of all images, then second ones.
    pub global_crops: Vec<Crop>,
    /// n B crops `[3, s, s]`: first crops of all images, then second ones, and so on.
    pub local_crops: Vec<Crop>,
    /// 2 B crops `[3, G, G]`, if the Gram teacher has its own crops.
    pub gram_teacher_crops: Option<Vec<Crop>>,
    /// The masks of the global crops.
    pub masks: Masks,
}

impl Batch {
    /// Joins the crops of images.
    pub fn new(images: Vec<Crops>, masks: Masks) -> Self {
        let (mut global, mut local, mut gram) = (Vec::new(), Vec::new(), Vec::new());
        for image in images {
            global.push(image.global.into_iter());
            local.push(image.local.into_iter());
            gram.extend(image.gram_teacher.map(|crops| crops.into_iter()));
        }
        let gram_teacher_crops = (!gram.is_empty()).then(|| in_turn(gram));
        Self { global_crops: in_turn(global), local_crops: in_turn(local), gram_teacher_crops, masks }
    }
}

/// The first item of each list, then the second item of each, and so on.
fn in_turn<I: Iterator>(mut each: Vec<I>) -> Vec<I::Item> {
    let mut all = Vec::new();
    loop {
        let before = all.len();
        all.extend(each.iter_mut().filter_map(Iterator::next));
        if all.len() == before {
            return all;
        }
    }
}
