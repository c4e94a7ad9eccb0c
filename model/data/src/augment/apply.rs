//! The crops of an image, made from its parameters.

use std::borrow::Cow;

use super::{Augmentation, Colour, Distortion, Local, Parameters, View};
use crate::image::Image;
use crate::pixels;

/// A crop as the model receives it: normalised, `[3, S, S]`.
pub type Crop = Box<[f32]>;

/// Solarisation inverts values from this one on, as in the reference.
const SOLARISE_FROM: u8 = 128;

/// The crops of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Crops {
    /// The two global crops.
    pub global: [Crop; 2],
    /// The local crops.
    pub local: Vec<Crop>,
    /// The global crops as the Gram teacher sees them.
    pub gram_teacher: Option<[Crop; 2]>,
}

impl Augmentation {
    /// Makes the crops of `image` that `parameters` describe.
    pub fn apply(&self, image: &Image, parameters: &Parameters) -> Crops {
        let mut image = Cow::Borrowed(image);
        if parameters.shared != Colour::default() {
            recolour(image.to_mut(), &parameters.shared);
        }
        let size = self.view_size();
        let views = [0, 1].map(|i| view(&image, &parameters.global[i].0, size));
        let [first, second] = [0, 1].map(|i| self.global(&views[i], &parameters.global[i].1));
        let local = parameters.local.iter().map(|local| self.local(&image, &views, local)).collect();
        let gram_teacher = first.1.zip(second.1).map(|(first, second)| [first, second]);
        Crops { global: [first.0, second.0], local, gram_teacher }
    }

    /// A global crop, and the Gram teacher's crop of the same view.
    fn global(&self, view: &Image, distortion: &Distortion) -> (Crop, Option<Crop>) {
        match self.gram_teacher {
            None => (self.distorted(view.clone(), distortion), None),
            Some(gram) if gram.no_distortions => {
                let crop = self.distorted(resized(view, self.global_crops_size), distortion);
                (crop, Some(self.normalised(&resized(view, gram.size))))
            }
            // The reference distorts once, at full size, and resizes the normalised values.
            Some(gram) => {
                let full = self.distorted(view.clone(), distortion);
                let at = |size| {
                    if size == view.width() {
                        return full.clone();
                    }
                    let (values, ..) = pixels::resize_tensor(&full, view.height(), view.width(), size);
                    values.into_boxed_slice()
                };
                (at(self.global_crops_size), Some(at(gram.size)))
            }
        }
    }

    fn local(&self, image: &Image, views: &[Image; 2], local: &Local) -> Crop {
        match local {
            Local::OfImage(of, distortion) => self.distorted(view(image, of, self.local_crops_size), distortion),
            Local::OfGlobal { global, offset, distortion } => {
                let side = views[*global].width();
                let whole = self.distorted(views[*global].clone(), distortion);
                part(&whole, side, *offset, self.local_crops_size)
            }
        }
    }

    fn distorted(&self, mut crop: Image, distortion: &Distortion) -> Crop {
        recolour(&mut crop, &distortion.colour);
        if let Some(sigma) = distortion.blur {
            pixels::blur(&mut crop, f64::from(sigma));
        }
        if distortion.solarised {
            pixels::solarise(&mut crop, SOLARISE_FROM);
        }
        self.normalised(&crop)
    }

    fn normalised(&self, crop: &Image) -> Crop {
        let mut values = vec![0.0; 3 * crop.width() * crop.height()].into_boxed_slice();
        pixels::normalised(crop, self.mean, self.std, &mut values);
        values
    }
}

fn view(image: &Image, view: &View, size: usize) -> Image {
    pixels::crop_resized(image, view.crop, size, size, view.flipped)
}

/// Resizes a square image.
fn resized(image: &Image, size: usize) -> Image {
    if size == image.width() { image.clone() } else { pixels::resize_shorter(image, size) }
}

fn recolour(image: &mut Image, colour: &Colour) {
    if let Some(jitter) = &colour.jitter {
        for op in jitter.order {
            match op {
                0 => pixels::adjust_brightness(image, f64::from(jitter.brightness)),
                1 => pixels::adjust_contrast(image, f64::from(jitter.contrast)),
                2 => pixels::adjust_saturation(image, f64::from(jitter.saturation)),
                _ => pixels::adjust_hue(image, f64::from(jitter.hue)),
            }
        }
    }
    if colour.grey {
        pixels::greyscale(image);
    }
}

/// Cuts `[3, size, size]` out of `[3, side, side]` from a row and a column on.
fn part(whole: &[f32], side: usize, (top, left): (usize, usize), size: usize) -> Crop {
    let rows = (0..3).flat_map(|channel| (top..top + size).map(move |row| (channel * side + row) * side + left));
    rows.flat_map(|start| &whole[start..start + size]).copied().collect()
}
