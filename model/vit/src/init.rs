//! Initialisations with the bits of `torch.nn.init`: its in-place ops, in its order, on its random stream.

use std::f64::consts::SQRT_2;

use tch::{Tensor, no_grad};

/// `nn.init.trunc_normal_(tensor, std=std)`, mean 0, cut at ±2.
///
/// Draws uniform numbers between the normal CDF at the two cuts, and maps them by the inverse error function. With the standard deviations
/// used here (0.02, cuts at 100 σ) the CDF is 0 and 1 to the last bit of a double, so the range is ±1.
pub fn trunc_normal_(tensor: &mut Tensor, std: f64) {
    debug_assert!(std <= 0.2, "the CDF at the cuts is 0 and 1 only for a narrow distribution");
    no_grad(|| {
        let _ = tensor.uniform_(-1.0, 1.0);
        let _ = tensor.erfinv_();
        let _ = tensor.g_mul_scalar_(std * SQRT_2);
        let _ = tensor.g_add_scalar_(0.0);
        let _ = tensor.clamp_(-2.0, 2.0);
    });
}

/// `nn.init.normal_(tensor, std=std)`.
pub fn normal_(tensor: &mut Tensor, std: f64) {
    no_grad(|| {
        let _ = tensor.normal_(0.0, std);
    });
}

/// `nn.init.uniform_(tensor, -bound, bound)`.
pub fn uniform_(tensor: &mut Tensor, bound: f64) {
    no_grad(|| {
        let _ = tensor.uniform_(-bound, bound);
    });
}

/// `nn.init.constant_(tensor, value)`.
pub fn constant_(tensor: &mut Tensor, value: f64) {
    no_grad(|| {
        let _ = tensor.fill_(value);
    });
}
