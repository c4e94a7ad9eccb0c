//! `torch.nn.utils.clip_grad_norm_`, as the training loop calls it: once a submodule.

use tch::{Tensor, no_grad};

use crate::shim::{self, ShimError};

/// Scales `grads` in place so that their common l2 norm is at most `max_norm`, and returns the norm that they had, a tensor
/// without dimensions.
///
/// # Errors
/// When libtorch throws: no gradient at all, or of mixed dtypes.
pub fn clip_grad_norm_(grads: &[Tensor], max_norm: f64) -> Result<Tensor, ShimError> {
    no_grad(|| {
        let norm = shim::l2_norm(&shim::foreach_norm(grads)?, 0)?.squeeze();
        // Python's `float / tensor` is a reciprocal and a product, which rounds twice.
        let factor = ((&norm + 1e-6).reciprocal() * max_norm).clamp_max(1.0);
        // The reference multiplies by one as well, which changes no bit and goes through all gradients.
        if factor.double_value(&[]) != 1.0 {
            shim::foreach_mul_tensor_(grads, &factor)?;
        }
        Ok(norm)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_gradient_is_shortened_and_a_short_one_left_alone() {
        let grads = [Tensor::from_slice(&[3.0f32, 0.0]), Tensor::from_slice(&[4.0f32])];
        let norm = clip_grad_norm_(&grads, 1.0).unwrap();
        assert_eq!((norm.dim(), norm.double_value(&[])), (0, 5.0));
        assert!((grads[1].double_value(&[0]) - 0.8).abs() < 1e-6);
        let norm = clip_grad_norm_(&grads, 10.0).unwrap();
        assert!((norm.double_value(&[]) - 1.0).abs() < 1e-6);
        assert!((grads[1].double_value(&[0]) - 0.8).abs() < 1e-6);
    }
}
