//! The choice of a loader for each batch (`dinov3/data/meta_loaders.py`).

use crate::random::{NumpyGenerator, ProbabilityError, cumulative};

/// The seed that the reference's trainer passes.
pub const SEED: u64 = 65537;

/// The choices of `CombinedDataLoader` in its mode `GLOBAL_HOMOGENEOUS`: for each batch a loader, the same on all
/// ranks.
///
/// Never ends. The other mode, `LOCAL_HOMOGENEOUS`, has no seed and cannot be reproduced.
#[derive(Clone, Debug)]
pub struct CombinedChoice {
    generator: NumpyGenerator,
    cumulative: Vec<f64>,
}

impl CombinedChoice {
    /// Choices among loaders with these `ratios`.
    ///
    /// # Errors
    /// If the ratios are not probabilities that sum to 1.
    pub fn new(ratios: &[f64], seed: u64) -> Result<Self, ProbabilityError> {
        Ok(Self { generator: NumpyGenerator::new(seed.into()), cumulative: cumulative(ratios)? })
    }
}

impl Iterator for CombinedChoice {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        Some(self.generator.choice(&self.cumulative))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

#[cfg(test)]
mod tests {
    use super::{CombinedChoice, SEED};
    use crate::random::ProbabilityError;
    use crate::random::testing::{DRAWS, check};

    #[test]
    fn choices() {
        let cases: [(&[f64], _, _); 4] = [
            (&[0.3, 0.3, 0.4], [0, 0, 1, 1, 2, 1], "4d3f6f608a65311fd33c0e30b97a8916"),
            (&[1.0 / 3.0; 3], [0, 0, 1, 1, 2, 1], "778f1bbd3c3ba2e4b39341fbaf2d2e60"),
            (&[1.0], [0; 6], "f8c784aa6b57396e7c5e094c34d079d8"),
            (&[0.0, 1.0, 0.0], [1; 6], "e9b3b2b9bdbffa8379920d1ae06ef939"),
        ];
        for (ratios, first, all) in cases {
            let choices = CombinedChoice::new(ratios, SEED).unwrap().take(DRAWS).map(|loader| loader as i64);
            check(&choices.collect::<Vec<_>>(), &first, all);
        }
    }

    #[test]
    fn ratios_that_are_no_probabilities() {
        assert_eq!(CombinedChoice::new(&[0.5, 0.6], SEED).unwrap_err(), ProbabilityError::Sum(1.1));
    }
}
