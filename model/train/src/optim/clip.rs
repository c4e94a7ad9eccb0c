//! `torch.nn.utils.clip_grad_norm_`, which the training loop calls once per submodule.

use std::fmt::Display;

use tch::{Tensor, no_grad};
use thiserror::Error;

use dinov3_ranks::{Group, GroupError};
use dinov3_torch::device::Device;
use dinov3_torch::shim::{self, ShimError};
use dinov3_vit::hook::Hooks;

/// The addend that keeps the factor finite if all gradients are zero.
pub const EPS: f64 = 1e-6;

/// The reason why gradients could not be clipped.
#[derive(Debug, Error)]
pub enum ClipError {
    /// libtorch threw: there is no gradient, or dtypes are mixed.
    #[error(transparent)]
    Shim(#[from] ShimError),
    /// A rank is gone.
    #[error(transparent)]
    Group(#[from] GroupError),
}

/// Scales `grads` in place so that their common l2 norm is at most `max_norm`. Shows the norm before scaling as `name`, and returns it: a tensor
/// without dimensions. Every rank of `group` has its own rows of the same gradients.
///
/// # Errors
/// If libtorch throws, or a rank is gone.
pub fn clip_grad_norm_(
    grads: &[Tensor],
    max_norm: f64,
    group: &dyn Group,
    name: impl Display,
    hooks: &mut Hooks,
) -> Result<Tensor, ClipError> {
    no_grad(|| {
        let (norm, divisor) = if group.size() == 1 {
            let norm = norm_of(grads)?;
            (norm.shallow_clone(), norm + EPS)
        } else {
            norms_of_shards(grads, group)?
        };
        let shown = hooks.look(name, &norm).into_replacement();
        let (norm, divisor) = shown.map_or((norm, divisor), |norm| (norm.shallow_clone(), norm + EPS));
        // Python's `float / tensor` is a reciprocal and a product, which rounds twice.
        let factor = (divisor.reciprocal() * max_norm).clamp_max(1.0);
        // The reference multiplies by one too, which changes no bit and reads and writes all gradients. Of a device, the question would make the
        // host wait.
        if Device::of(&factor) != Device::Cpu || factor.double_value(&[]) != 1.0 {
            shim::foreach_mul_tensor_(grads, &factor)?;
        }
        Ok(norm)
    })
}

/// The norm of the norms.
fn norm_of(grads: &[Tensor]) -> Result<Tensor, ShimError> {
    Ok(shim::l2_norm(&shim::foreach_norm(grads)?, 0)?.squeeze())
}

/// The norm, and the norm plus [`EPS`], for ranks that have only their own rows of every gradient, rounded as FSDP2's tensors do over several
/// ranks.
///
/// A sharded tensor treats the addition as linear, so every rank adds [`EPS`] to the norm of its own rows before the norms of the ranks are
/// joined.
fn norms_of_shards(grads: &[Tensor], group: &dyn Group) -> Result<(Tensor, Tensor), ClipError> {
    let together = |part: Tensor| -> Result<Tensor, GroupError> {
        let mut square = part.pow_tensor_scalar(2.0);
        group.all_reduce_(&mut square)?;
        Ok(square.pow_tensor_scalar(0.5))
    };
    let part = norm_of(grads)?;
    Ok((together(part.shallow_clone())?, together(part + EPS)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dinov3_ranks::Alone;

    #[test]
    fn a_long_gradient_is_shortened_and_a_short_one_left_alone() {
        let grads = [Tensor::from_slice(&[3.0f32, 0.0]), Tensor::from_slice(&[4.0f32])];
        let norm = clip_grad_norm_(&grads, 1.0, &Alone, "norm", &mut Hooks::none()).unwrap();
        assert_eq!((norm.dim(), norm.double_value(&[])), (0, 5.0));
        assert!((grads[1].double_value(&[0]) - 0.8).abs() < 1e-6);
        let norm = clip_grad_norm_(&grads, 10.0, &Alone, "norm", &mut Hooks::none()).unwrap();
        assert!((norm.double_value(&[]) - 1.0).abs() < 1e-6);
        assert!((grads[1].double_value(&[0]) - 0.8).abs() < 1e-6);
    }
}
