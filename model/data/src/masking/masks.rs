//! The masks of a batch.

use dinov3_ground::{Hint, Hints};

use crate::random::PythonRandom;

/// The masked patches of the global crops of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masks {
    values: Vec<bool>,
    tokens: usize,
    upperbound: usize,
}

/// The reason why a batch cannot be divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubsetError {
    /// The number of masks is not two per image.
    #[error("{0} masks are not two per image")]
    Odd(usize),
    /// The requested part holds less than one image.
    #[error("{images} images cannot be divided by {divide_by}")]
    TooFew {
        /// The number of images.
        images: usize,
        /// The divisor.
        divide_by: usize,
    },
    /// No patch of the batch is masked. The reference would loop forever.
    #[error("no patch of the whole batch is masked, and a part of the batch needs a masked patch")]
    NothingMasked,
}

impl Hint for SubsetError {
    fn hints(&self) -> Hints {
        let hint: String = match self {
            Self::Odd(_) => "draw masks for a whole number of images".to_owned(),
            Self::TooFew { images, .. } => format!("use a divisor of 1 to {images}, or larger batches"),
            Self::NothingMasked => "raise ibot.mask_sample_probability or ibot.mask_ratio_min_max".to_owned(),
        };
        hint.into()
    }
}

impl Masks {
    /// Makes masks `[B', N]` with `tokens` patches each.
    ///
    /// # Panics
    /// If `tokens` is 0, or the number of values is not a multiple of `tokens`.
    pub fn new(values: Vec<bool>, tokens: usize, upperbound: usize) -> Self {
        let whole = tokens > 0 && values.len().is_multiple_of(tokens);
        assert!(whole, "{} values are no whole masks of {tokens}", values.len());
        Self { values, tokens, upperbound }
    }

    /// `collated_masks` `[B', N]`: true where masked.
    pub fn values(&self) -> &[bool] {
        &self.values
    }

    /// B': number of crops with a drawn mask, twice the number of images.
    pub fn images(&self) -> usize {
        self.values.len() / self.tokens
    }

    /// N: number of patches per crop.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// `upperbound`: number of patches that were requested to be masked.
    pub fn upperbound(&self) -> usize {
        self.upperbound
    }

    /// `mask_indices_list` `[n]`: the indices at which [`Masks::values`] is true. Its length is `n_masked_patches`.
    pub fn indices(&self) -> Vec<i64> {
        self.values.iter().zip(0..).filter(|(masked, _)| **masked).map(|(_, index)| index).collect()
    }

    /// `masks_weight` `[n]`: for each masked patch, 1 over the number of masked patches of its crop.
    pub fn weights(&self) -> Vec<f32> {
        let of_crop = |crop: &[bool]| {
            let count = crop.iter().filter(|masked| **masked).count();
            std::iter::repeat_n(1.0 / count as f32, count)
        };
        self.values.chunks_exact(self.tokens).flat_map(of_crop).collect()
    }

    /// The masks of the first `1 / divide_by` of the images (`get_batch_subset`). If none of their patches is masked,
    /// the masks are shuffled among all crops until one is. The upper bound of the whole batch is kept.
    ///
    /// # Errors
    /// If the images cannot be divided, or no patch of the batch is masked.
    pub fn subset(&self, divide_by: usize, python: &mut PythonRandom) -> Result<Self, SubsetError> {
        let all: Vec<&[bool]> = self.values.chunks_exact(self.tokens).collect();
        if all.len() % 2 == 1 {
            return Err(SubsetError::Odd(all.len()));
        }
        let images = all.len() / 2;
        let Some(part @ 1..) = images.checked_div(divide_by) else {
            return Err(SubsetError::TooFew { images, divide_by });
        };
        if !self.values.contains(&true) {
            return Err(SubsetError::NothingMasked);
        }
        let mut masks = all.clone();
        loop {
            let values = [&masks[..part], &masks[images..images + part]].concat().concat();
            if values.contains(&true) {
                return Ok(Self { values, ..*self });
            }
            masks.clone_from(&all);
            python.shuffle(&mut masks);
        }
    }
}
