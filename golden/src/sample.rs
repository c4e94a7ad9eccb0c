//! The choice of the stored elements of a large tensor.

use crate::tensor::TensorView;

/// Distance between the stored elements of a tensor with `numel` elements: `ceil(numel / limit)`, plus one if that is
/// even; 1 if all elements are stored. An even stride would visit only some channels of a width that is a power of two.
/// An odd stride may skip channels of other widths (it may visit every third of 384, say); statistics and hash over all
/// elements cover those.
///
/// A limit of 0 is read as 1.
pub fn stride(numel: usize, limit: usize) -> usize {
    if numel <= limit {
        return 1;
    }
    let stride = numel.div_ceil(limit.max(1));
    stride + usize::from(stride.is_multiple_of(2))
}

/// Number of elements that [`sample`] keeps.
pub fn sample_len(numel: usize, limit: usize) -> usize {
    numel.div_ceil(stride(numel, limit))
}

/// The bytes of the flat elements 0, s, 2s, … with s = [`stride`]: one-dimensional, in the tensor's own dtype.
pub fn sample(view: TensorView<'_>, limit: usize) -> Vec<u8> {
    let size = view.dtype().size();
    let step = stride(view.numel(), limit) * size;
    let mut kept = Vec::with_capacity(sample_len(view.numel(), limit) * size);
    for element in view.bytes().chunks(step) {
        kept.extend_from_slice(&element[..size]);
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::names::Dtype;

    #[test]
    fn strides_are_odd() {
        assert_eq!(stride(4096, 4096), 1);
        assert_eq!(stride(4097, 4096), 3, "2 is even");
        assert_eq!(stride(3 * 4096, 4096), 3);
        assert_eq!(stride(10 * 4096, 4096), 11);
        assert_eq!(stride(0, 4096), 1);
    }

    #[test]
    fn every_channel_of_a_power_of_two_is_visited() {
        let (rows, width) = (1024, 64);
        let stride = stride(rows * width, 4096);
        let channels: std::collections::BTreeSet<_> = (0..rows * width).step_by(stride).map(|i| i % width).collect();
        assert_eq!(channels.len(), width);
    }

    proptest! {
        #[test]
        fn the_sample_is_every_sth_element(numel in 0usize..3000, limit in 1usize..600) {
            let bytes: Vec<u8> = (0..numel as u32).flat_map(u32::to_le_bytes).collect();
            let shape = [numel];
            let kept = sample(TensorView::new(Dtype::F32, &shape, &bytes).unwrap(), limit);
            let step = stride(numel, limit);
            let expected: Vec<u8> = (0..numel as u32).step_by(step).flat_map(u32::to_le_bytes).collect();
            prop_assert_eq!(&kept, &expected);
            prop_assert!(kept.len() / 4 <= limit.max(1));
            prop_assert_eq!(kept.len() / 4, sample_len(numel, limit));
            prop_assert!(step % 2 == 1);
        }
    }
}
