//! The C++ shim: calls into libtorch that tch lacks, with C++ exceptions turned into [`ShimError`].
//!
//! See `model/shim/shim.h` for the C side of the contract.

use std::ffi::{CStr, c_char, c_void};

use tch::Tensor;
use thiserror::Error;

/// A libtorch call that threw; the message is libtorch's own.
#[derive(Debug, Error)]
#[error("libtorch refused `{call}`: {message}")]
pub struct ShimError {
    /// The call, as Python would name it.
    pub call: &'static str,
    /// The text of the C++ exception.
    pub message: String,
}

unsafe extern "C" {
    fn dinov3_shim_error() -> *const c_char;
    fn dinov3_index_add(
        this: *const c_void,
        dim: i64,
        index: *const c_void,
        source: *const c_void,
        alpha: f64,
    ) -> *mut c_void;
    fn dinov3_l2_norm(this: *const c_void, dim: i64) -> *mut c_void;
    fn dinov3_cpu_capability() -> *const c_char;
    fn dinov3_torch_version() -> *const c_char;
}

/// `torch.index_add(this, dim, index, source, alpha=alpha)`: a new tensor, `this` with `alpha * source[i]` added to
/// slice `index[i]` along `dim`. tch's own `index_add` has no `alpha`, and scaling beforehand rounds once more.
///
/// # Errors
/// When libtorch throws (shapes that do not fit, an index out of range).
pub fn index_add(this: &Tensor, dim: i64, index: &Tensor, source: &Tensor, alpha: f64) -> Result<Tensor, ShimError> {
    // SAFETY: the three pointers come from live tensors; the shim only reads them.
    let pointer =
        unsafe { dinov3_index_add(this.as_ptr().cast(), dim, index.as_ptr().cast(), source.as_ptr().cast(), alpha) };
    owned(pointer, "index_add")
}

/// `torch.linalg.vector_norm(this, 2, dim=dim, keepdim=True)`, which `nn.functional.normalize` calls.
///
/// # Errors
/// When libtorch throws (a dimension out of range, an integer tensor).
pub fn l2_norm(this: &Tensor, dim: i64) -> Result<Tensor, ShimError> {
    // SAFETY: the pointer comes from a live tensor; the shim only reads it.
    let pointer = unsafe { dinov3_l2_norm(this.as_ptr().cast(), dim) };
    owned(pointer, "linalg.vector_norm")
}

/// The instruction set that ATen's kernels dispatch to: `AVX2`, `AVX512`, `DEFAULT`, …
/// (`torch.backends.cpu.get_cpu_capability()`).
pub fn cpu_capability() -> String {
    // SAFETY: the pointer is to a string with static lifetime.
    text(unsafe { dinov3_cpu_capability() })
}

/// The version of the libtorch headers that this build was compiled with, such as `2.8.0`.
pub fn torch_version() -> String {
    // SAFETY: the pointer is to a string literal.
    text(unsafe { dinov3_torch_version() })
}

fn owned(pointer: *mut c_void, call: &'static str) -> Result<Tensor, ShimError> {
    if pointer.is_null() {
        // SAFETY: the message is valid until this thread's next call, and is copied here.
        let message = text(unsafe { dinov3_shim_error() });
        return Err(ShimError { call, message });
    }
    // SAFETY: the shim allocated this `at::Tensor` with `new` and gave it away; tch frees it with `delete`.
    Ok(unsafe { Tensor::from_ptr(pointer.cast()) })
}

fn text(pointer: *const c_char) -> String {
    // SAFETY: every caller passes a NUL-terminated string that outlives this call.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn index_add_scales_the_source() {
        let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0]).reshape([2, 2]);
        let source = Tensor::from_slice(&[10.0f32, 20.0]).reshape([1, 2]);
        let sum = index_add(&x, 0, &Tensor::from_slice(&[1i64]), &source, 0.5).unwrap();
        assert_eq!(sum, Tensor::from_slice(&[1.0f32, 2.0, 8.0, 14.0]).reshape([2, 2]));
        assert_eq!(x.double_value(&[1, 0]), 3.0, "the input is left alone");
    }

    #[test]
    fn an_exception_becomes_an_error() {
        let x = Tensor::zeros([2, 2], (Kind::Float, tch::Device::Cpu));
        let source = Tensor::ones([1, 2], (Kind::Float, tch::Device::Cpu));
        let error = index_add(&x, 0, &Tensor::from_slice(&[7i64]), &source, 1.0).unwrap_err();
        assert!(error.to_string().starts_with("libtorch refused `index_add`: "), "{error}");
    }

    #[test]
    fn the_headers_are_libtorch_2_8() {
        assert!(torch_version().starts_with("2.8."), "{}", torch_version());
        assert!(!cpu_capability().is_empty());
    }
}
