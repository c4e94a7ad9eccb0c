//! Masks of rectangular blocks (`dinov3/data/masking.py`).

use crate::random::{NumpyRandom, PythonRandom};

/// The smallest target size of a block in patches. A block may be smaller if fewer patches are left to mask.
const MIN_NUM_PATCHES: f64 = 4.0;
/// Smallest and largest ratio of height to width of a block.
const ASPECT: (f64, f64) = (0.3, 1.0 / 0.3);
/// Number of attempts to place a block.
const ATTEMPTS: usize = 10;

/// Draws masks: blocks first, then single patches up to the requested number.
#[derive(Clone, Debug)]
pub struct MaskingGenerator {
    height: usize,
    width: usize,
    max_num_patches: f64,
    log_aspect_ratio: (f64, f64),
}

impl MaskingGenerator {
    /// A generator for `height` by `width` patches and blocks of at most `max_num_patches`. The reference's other
    /// options keep their defaults, as in its trainer.
    pub fn new(height: usize, width: usize, max_num_patches: f64) -> Self {
        Self { height, width, max_num_patches, log_aspect_ratio: (ASPECT.0.ln(), ASPECT.1.ln()) }
    }

    /// A mask `[height, width]` with `num_masking_patches` patches masked.
    ///
    /// # Panics
    /// If there are fewer than `num_masking_patches` patches.
    pub fn draw(&self, num_masking_patches: usize, python: &mut PythonRandom, numpy: &mut NumpyRandom) -> Vec<bool> {
        let mut mask = vec![false; self.height * self.width];
        let mut masked = 0;
        while masked < num_masking_patches {
            let most = self.max_num_patches.min((num_masking_patches - masked) as f64);
            let newly_masked = self.block(&mut mask, most, python);
            if newly_masked == 0 {
                break;
            }
            masked += newly_masked;
        }
        // Drawn from NumPy's stream even if no patch is left to mask.
        let free: Vec<_> = (0..mask.len()).filter(|patch| !mask[*patch]).collect();
        for patch in numpy.choice_without_replacement(&free, num_masking_patches - masked) {
            mask[patch] = true;
        }
        mask
    }

    /// Masks a block with 1 to `most` patches that are not masked yet, and returns their number; 0 if no place was
    /// found.
    fn block(&self, mask: &mut [bool], most: f64, python: &mut PythonRandom) -> usize {
        for _ in 0..ATTEMPTS {
            let area = python.uniform(MIN_NUM_PATCHES, most);
            let aspect = python.uniform(self.log_aspect_ratio.0, self.log_aspect_ratio.1).exp();
            let h = (area * aspect).sqrt().round_ties_even() as usize;
            let w = (area / aspect).sqrt().round_ties_even() as usize;
            if w >= self.width || h >= self.height {
                continue;
            }
            let top = python.randint(0, (self.height - h) as i64) as usize;
            let left = python.randint(0, (self.width - w) as i64) as usize;
            let rows = (top..top + h).map(|row| row * self.width + left);
            let free: usize =
                rows.clone().map(|row| mask[row..row + w].iter().filter(|masked| !**masked).count()).sum();
            if 0 < free && free as f64 <= most {
                rows.for_each(|row| mask[row..row + w].fill(true));
                return free;
            }
        }
        0
    }
}
