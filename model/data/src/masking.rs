//! Masks for iBOT: the patches of global crops that the student does not see (`dinov3/data/masking.py`, and the part of
//! `dinov3/data/collate.py` about masks).

use dinov3_ground::{Hint, Hints};

mod generator;
mod masks;

use crate::random::{PythonRandom, Streams};
pub use generator::MaskingGenerator;
pub use masks::{Masks, SubsetError};

/// Number of global crops per image.
const GLOBAL_CROPS: usize = 2;

/// The settings of the masks of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Masking {
    /// Number of patches along a side of a global crop.
    pub side: usize,
    /// The share of crops that have a mask (`ibot.mask_sample_probability`).
    pub probability: f64,
    /// The range of the share of masked patches in a masked crop (`ibot.mask_ratio_min_max`). The share grows from one
    /// masked crop to the next, from just above the first value to the second.
    pub ratio: (f64, f64),
    /// Whether a mask is shifted at random, wrapping around the crop's edges (`ibot.mask_random_circular_shift`).
    pub random_circular_shift: bool,
    /// The largest number of patches that one block masks; see [`Masking::largest_block`].
    pub max_num_patches: f64,
    /// Number of images to make masks for, if it differs from the number of loaded images (multi-distillation).
    pub local_batch_size: Option<usize>,
}

/// A setting is out of bounds.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} cannot be {given}")]
pub struct MaskingError {
    /// The field of [`Masking`].
    pub name: &'static str,
    /// Its value.
    pub given: f64,
    expected: &'static str,
}

impl Hint for MaskingError {
    fn hints(&self) -> Hints {
        format!("use {}", self.expected).into()
    }
}

impl Masking {
    /// The largest number of patches that one block masks, by the reference trainer's formula for crops of `size`
    /// pixels and patches of `patch_size` pixels.
    ///
    /// The result is half the crop's patches, or somewhat less: `0.5 * size // patch_size * size // patch_size`, from
    /// left to right.
    ///
    /// # Panics
    /// When `patch_size` is 0.
    pub fn largest_block(size: usize, patch_size: usize) -> f64 {
        (size / (2 * patch_size) * size / patch_size) as f64
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// The first setting that is out of bounds.
    pub fn check(&self) -> Result<(), MaskingError> {
        let fraction = |name, given| (name, given, (0.0..=1.0).contains(&given), "a number from 0 to 1");
        for (name, given, fine, expected) in [
            ("side", self.side as f64, self.side > 0, "1 or more"),
            fraction("probability", self.probability),
            fraction("ratio.0", self.ratio.0),
            fraction("ratio.1", self.ratio.1),
            ("max_num_patches", self.max_num_patches, self.max_num_patches >= 0.0, "0 or more"),
        ] {
            if !fine {
                return Err(MaskingError { name, given, expected });
            }
        }
        Ok(())
    }

    /// Draws the masks of a batch of `images` images from Python's and NumPy's streams, as `collate_data_and_cast`
    /// does: two masks per image, in random order.
    ///
    /// # Panics
    /// If there would be more masked patches than patches. [`Masking::check`] reports this case.
    pub fn draw(&self, images: usize, streams: &mut Streams) -> Masks {
        let patches = self.side * self.side;
        let crops = GLOBAL_CROPS * self.local_batch_size.unwrap_or(images);
        let masked = (crops as f64 * self.probability) as usize;
        let generator = MaskingGenerator::new(self.side, self.side, self.max_num_patches);
        let mut upperbound = 0;
        let mut masks = Vec::with_capacity(crops);
        for fraction in linspace(self.ratio, masked + 1).skip(1) {
            let count = (patches as f32 * fraction) as usize;
            let mask = generator.draw(count, &mut streams.python, &mut streams.numpy);
            let shifted = if self.random_circular_shift { self.shifted(&mask, &mut streams.python) } else { mask };
            masks.push(shifted);
            upperbound += count;
        }
        // An empty mask takes numbers from NumPy's stream too.
        masks.extend((masked..crops).map(|_| generator.draw(0, &mut streams.python, &mut streams.numpy)));
        streams.python.shuffle(&mut masks);
        Masks::new(masks.concat(), patches, upperbound)
    }

    /// Shifts `mask` `[side, side]` down and right by random numbers of patches, wrapping around the edges.
    fn shifted(&self, mask: &[bool], python: &mut PythonRandom) -> Vec<bool> {
        let last = self.side as i64 - 1;
        let mut shifted = mask.to_vec();
        shifted.rotate_right(self.side * python.randint(0, last) as usize);
        let right = python.randint(0, last) as usize;
        shifted.chunks_exact_mut(self.side).for_each(|row| row.rotate_right(right));
        shifted
    }
}

/// `torch.linspace(start, end, steps)` in float32, for two steps or more; `start` for one step.
///
/// Computed from both ends inwards and rounded once, as in torch's kernels for AVX2, AVX-512 and aarch64.
fn linspace((start, end): (f64, f64), steps: usize) -> impl Iterator<Item = f32> {
    let (start, end) = (start as f32, end as f32);
    let step = (end - start) / (steps as f32 - 1.0);
    (0..steps).map(move |i| match i {
        0 => start,
        _ if i < steps / 2 => step.mul_add(i as f32, start),
        _ => (-step).mul_add((steps - i - 1) as f32, end),
    })
}

#[cfg(test)]
mod tests;
