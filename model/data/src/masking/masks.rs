//! The masks of a batch.

use dinov3_ground::{Hint, Hints};

use crate::random::PythonRandom;

/// Which patches of which global crops are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masks {
    values: Vec<bool>,
    tokens: usize,
    upperbound: usize,
}

/// Why a part of a batch cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubsetError {
    /// Not two masks an image.
    #[error("{0} masks are not two of each image")]
    Odd(usize),
    /// Less than an image.
    #[error("{images} images cannot be divided by {divide_by}")]
    TooFew {
        /// How many there are.
        images: usize,
        /// By what.
        divide_by: usize,
    },
    /// The reference would go on for ever here.
    #[error("nothing is masked in the whole batch, and a part of it needs something masked")]
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
    /// Masks `[B', N]` of `tokens` patches each.
    ///
    /// # Panics
    /// When there are no tokens, or values that are no whole mask.
    pub fn new(values: Vec<bool>, tokens: usize, upperbound: usize) -> Self {
        let whole = tokens > 0 && values.len().is_multiple_of(tokens);
        assert!(whole, "{} values are no whole masks of {tokens}", values.len());
        Self { values, tokens, upperbound }
    }

    /// `collated_masks` `[B', N]`: true where masked.
    pub fn values(&self) -> &[bool] {
        &self.values
    }

    /// B': crops that a mask was drawn for, twice the images.
    pub fn images(&self) -> usize {
        self.values.len() / self.tokens
    }

    /// N: patches of a crop.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// `upperbound`: as many patches as were to be masked.
    pub fn upperbound(&self) -> usize {
        self.upperbound
    }

    /// `mask_indices_list` `[n]`: where [`Masks::values`] are true. Its length is `n_masked_patches`.
    pub fn indices(&self) -> Vec<i64> {
        self.values.iter().zip(0..).filter(|(masked, _)| **masked).map(|(_, index)| index).collect()
    }

    /// `masks_weight` `[n]`: of each masked patch, 1 over the number of those of its crop.
    pub fn weights(&self) -> Vec<f32> {
        let of_crop = |crop: &[bool]| {
            let count = crop.iter().filter(|masked| **masked).count();
            std::iter::repeat_n(1.0 / count as f32, count)
        };
        self.values.chunks_exact(self.tokens).flat_map(of_crop).collect()
    }

    /// Those of the first `1 / divide_by` of the images (`get_batch_subset`). If nothing of them is masked, the masks are shuffled
    /// among all crops until something is. The upper bound stays that of the whole.
    ///
    /// # Errors
    /// When the images cannot be divided, or nothing is masked at all.
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
