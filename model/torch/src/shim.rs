//! The C++ shim: calls into libtorch that tch lacks, with C++ exceptions turned into [`ShimError`].
//!
//! See `model/torch/shim/shim.h` for the C side of the contract.

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
    pub(crate) fn dinov3_shim_error() -> *const c_char;
    fn dinov3_index_add(
        this: *const c_void,
        dim: i64,
        index: *const c_void,
        source: *const c_void,
        alpha: f64,
    ) -> *mut c_void;
    fn dinov3_l2_norm(this: *const c_void, dim: i64) -> *mut c_void;
    fn dinov3_foreach_mul_scalar(this: *const *const c_void, n: usize, factor: f64) -> bool;
    fn dinov3_foreach_mul_tensor(this: *const *const c_void, n: usize, factor: *const c_void) -> bool;
    fn dinov3_foreach_add(this: *const *const c_void, other: *const *const c_void, n: usize, alpha: f64) -> bool;
    fn dinov3_foreach_norm(this: *const *const c_void, n: usize) -> *mut c_void;
    fn dinov3_apply_rope(x: *const c_void, sin: *const c_void, cos: *const c_void) -> *mut c_void;
    fn dinov3_keep_freed_memory();
    fn dinov3_addcmul(this: *const c_void, a: *const c_void, b: *const c_void, value: f64) -> bool;
    fn dinov3_addcdiv(this: *const c_void, a: *const c_void, b: *const c_void, value: f64) -> bool;
    fn dinov3_fused_adamw(
        params: *const *const c_void,
        grads: *const *const c_void,
        exp_avgs: *const *const c_void,
        exp_avg_sqs: *const *const c_void,
        steps: *const *const c_void,
        n: usize,
        options: AdamWStep,
    ) -> bool;
    fn dinov3_take_grad(this: *const c_void) -> *mut c_void;
    fn dinov3_retain_grad(this: *const c_void) -> bool;
    fn dinov3_is_same(this: *const c_void, other: *const c_void) -> bool;
    fn dinov3_rng_state() -> *mut c_void;
    fn dinov3_set_rng_state(state: *const c_void) -> bool;
    fn dinov3_mkl_takes_intels_kernels() -> bool;
    fn dinov3_mkl_vectors_ask_one_at_a_time() -> bool;
    fn dinov3_cpu_capability() -> *const c_char;
    fn dinov3_torch_version() -> *const c_char;
    fn dinov3_cxx_abi() -> *const c_char;
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

/// `torch._foreach_mul_(tensors, factor)`, in place.
///
/// # Errors
/// When libtorch throws.
pub fn foreach_mul_(tensors: &[Tensor], factor: f64) -> Result<(), ShimError> {
    let this = pointers(tensors);
    // SAFETY: the array and its length belong together; the tensors live as long as `tensors`.
    checked(unsafe { dinov3_foreach_mul_scalar(this.as_ptr(), this.len(), factor) }, "_foreach_mul_")
}

/// `torch._foreach_mul_(tensors, factor)` with a factor that is a tensor without dimensions, in place.
///
/// # Errors
/// When libtorch throws.
pub fn foreach_mul_tensor_(tensors: &[Tensor], factor: &Tensor) -> Result<(), ShimError> {
    let this = pointers(tensors);
    // SAFETY: as in `foreach_mul_`; the factor is a live tensor.
    let done = unsafe { dinov3_foreach_mul_tensor(this.as_ptr(), this.len(), factor.as_ptr().cast()) };
    checked(done, "_foreach_mul_")
}

/// `torch._foreach_add_(tensors, others, alpha=alpha)`, in place.
///
/// # Errors
/// When libtorch throws (shapes that do not fit), and when the lists have different lengths.
pub fn foreach_add_(tensors: &[Tensor], others: &[Tensor], alpha: f64) -> Result<(), ShimError> {
    same_length("_foreach_add_", tensors, &[others])?;
    let (this, other) = (pointers(tensors), pointers(others));
    // SAFETY: both arrays have the length given; the tensors live as long as the slices.
    checked(unsafe { dinov3_foreach_add(this.as_ptr(), other.as_ptr(), this.len(), alpha) }, "_foreach_add_")
}

/// `torch.stack(torch._foreach_norm(tensors, 2))`: the l2 norm of each, `[n]`.
///
/// # Errors
/// When libtorch throws (no tensor at all, another dtype or device among them).
pub fn foreach_norm(tensors: &[Tensor]) -> Result<Tensor, ShimError> {
    let this = pointers(tensors);
    // SAFETY: as in `foreach_mul_`.
    owned(unsafe { dinov3_foreach_norm(this.as_ptr(), this.len()) }, "_foreach_norm")
}

/// The rotation of queries or keys `x`, `[B, heads, N, D]`, fp32 or bf16 on the CPU, by bf16 tables `[patches, D]`, in one pass
/// and with the bits that the reference's `rope_apply_with_offset` has, gradient included.
///
/// # Errors
/// When the tensors are of another device, dtype or shape.
pub fn apply_rope(x: &Tensor, sin: &Tensor, cos: &Tensor) -> Result<Tensor, ShimError> {
    let [x, sin, cos] = [x, sin, cos].map(|tensor| tensor.as_ptr().cast());
    // SAFETY: the three pointers come from live tensors; the shim only reads them.
    owned(unsafe { dinov3_apply_rope(x, sin, cos) }, "apply_rope")
}

/// From now on, the host memory that tensors free is kept for other tensors, up to the most that was ever in use at one time.
pub fn keep_freed_memory() {
    // SAFETY: the call takes nothing; the allocator that it installs is never destroyed.
    unsafe { dinov3_keep_freed_memory() }
}

/// `this.addcmul_(a, b, value=value)`: adds `value * a * b`, rounded once. tch's own has no `value`.
///
/// # Errors
/// When libtorch throws (shapes that do not fit).
pub fn addcmul_(this: &Tensor, a: &Tensor, b: &Tensor, value: f64) -> Result<(), ShimError> {
    let [this, a, b] = [this, a, b].map(|tensor| tensor.as_ptr().cast());
    // SAFETY: the three pointers come from live tensors.
    checked(unsafe { dinov3_addcmul(this, a, b, value) }, "addcmul_")
}

/// `this.addcdiv_(a, b, value=value)`: adds `value * a / b`. tch's own has no `value`.
///
/// # Errors
/// When libtorch throws (shapes that do not fit).
pub fn addcdiv_(this: &Tensor, a: &Tensor, b: &Tensor, value: f64) -> Result<(), ShimError> {
    let [this, a, b] = [this, a, b].map(|tensor| tensor.as_ptr().cast());
    // SAFETY: the three pointers come from live tensors.
    checked(unsafe { dinov3_addcdiv(this, a, b, value) }, "addcdiv_")
}

/// The hyperparameters of one step of AdamW.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct AdamWStep {
    /// The learning rate.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
}

/// What AdamW steps: lists of equal length, an entry a parameter.
#[derive(Clone, Copy, Debug)]
pub struct AdamWTensors<'a> {
    /// The parameters.
    pub params: &'a [Tensor],
    /// Their gradients.
    pub grads: &'a [Tensor],
    /// First moments.
    pub exp_avgs: &'a [Tensor],
    /// Second moments.
    pub exp_avg_sqs: &'a [Tensor],
    /// The number of steps with this one, fp32, without dimensions.
    pub steps: &'a [Tensor],
}

/// `torch._fused_adamw_`: one step, in place.
///
/// # Errors
/// When libtorch throws, and when the lists have different lengths.
pub fn fused_adamw_(tensors: AdamWTensors, step: AdamWStep) -> Result<(), ShimError> {
    const CALL: &str = "_fused_adamw_";
    let AdamWTensors { params, grads, exp_avgs, exp_avg_sqs, steps } = tensors;
    same_length(CALL, params, &[grads, exp_avgs, exp_avg_sqs, steps])?;
    let [params, grads, exp_avgs, exp_avg_sqs, steps] = [params, grads, exp_avgs, exp_avg_sqs, steps].map(pointers);
    // SAFETY: all five arrays have the length given; the tensors live as long as the slices.
    let done = unsafe {
        dinov3_fused_adamw(
            params.as_ptr(),
            grads.as_ptr(),
            exp_avgs.as_ptr(),
            exp_avg_sqs.as_ptr(),
            steps.as_ptr(),
            params.len(),
            step,
        )
    };
    checked(done, CALL)
}

/// The gradient that a backward pass left at `tensor`, taken from it: `tensor.grad`, then `tensor.grad = None`. `None` where
/// there is none.
pub fn take_grad(tensor: &Tensor) -> Option<Tensor> {
    // SAFETY: the pointer comes from a live tensor; what is returned was allocated by the shim with `new` and given away.
    let pointer = unsafe { dinov3_take_grad(tensor.as_ptr().cast()) };
    // SAFETY: as above; not null here.
    (!pointer.is_null()).then(|| unsafe { Tensor::from_ptr(pointer.cast()) })
}

/// `tensor.retain_grad()`: the backward pass leaves the gradient of a tensor that is no leaf as well, for [`take_grad`].
///
/// # Errors
/// When libtorch throws: the tensor needs no gradient.
pub fn retain_grad(tensor: &Tensor) -> Result<(), ShimError> {
    // SAFETY: the pointer comes from a live tensor.
    checked(unsafe { dinov3_retain_grad(tensor.as_ptr().cast()) }, "retain_grad")
}

/// Whether both are handles of one tensor, as `is` says in Python. A view is another tensor.
pub fn is_same(this: &Tensor, other: &Tensor) -> bool {
    // SAFETY: the pointers come from live tensors.
    unsafe { dinov3_is_same(this.as_ptr().cast(), other.as_ptr().cast()) }
}

/// `torch.get_rng_state()`: `[5056]` uint8.
///
/// # Errors
/// When libtorch throws.
pub fn rng_state() -> Result<Tensor, ShimError> {
    // SAFETY: the call takes nothing and gives a tensor of its own.
    owned(unsafe { dinov3_rng_state() }, "get_rng_state")
}

/// `torch.set_rng_state(state)`.
///
/// # Errors
/// When `state` is no state of the host's generator.
pub fn set_rng_state(state: &Tensor) -> Result<(), ShimError> {
    // SAFETY: the pointer comes from a live tensor; the shim copies it.
    checked(unsafe { dinov3_set_rng_state(state.as_ptr().cast()) }, "set_rng_state")
}

/// The instruction set that ATen's kernels dispatch to: `AVX2`, `AVX512`, `DEFAULT`, …
/// (`torch.backends.cpu.get_cpu_capability()`).
pub fn cpu_capability() -> String {
    // SAFETY: the pointer is to a string with static lifetime.
    text(unsafe { dinov3_cpu_capability() })
}

/// Whether MKL has asked whose processor this is, and was told that it is Intel's. False before its first call, on other
/// architectures, and in a libtorch that asks in another way.
pub fn mkl_takes_intels_kernels() -> bool {
    // SAFETY: reads a flag.
    unsafe { dinov3_mkl_takes_intels_kernels() }
}

/// Whether the shim has answered MKL's vector functions for the kind of processor, which keeps two threads from asking at once
/// (`model/torch/shim/mkl.cpp`). False before the first vector function, on other architectures, and in a libtorch without MKL.
pub fn mkl_vectors_ask_one_at_a_time() -> bool {
    // SAFETY: reads a flag.
    unsafe { dinov3_mkl_vectors_ask_one_at_a_time() }
}

/// The version of the libtorch headers that this build was compiled with, such as `2.8.0`.
pub fn torch_version() -> String {
    // SAFETY: the pointer is to a string literal.
    text(unsafe { dinov3_torch_version() })
}

/// What objects of the C++ library look like to this build (`DINOV3_PLUGIN_CXX_ABI`), such as `libstdc++ cxx11`.
pub fn cxx_abi() -> String {
    // SAFETY: the pointer is to a string literal.
    text(unsafe { dinov3_cxx_abi() })
}

fn pointers(tensors: &[Tensor]) -> Vec<*const c_void> {
    tensors.iter().map(|tensor| tensor.as_ptr().cast()).collect()
}

fn same_length(call: &'static str, first: &[Tensor], others: &[&[Tensor]]) -> Result<(), ShimError> {
    match others.iter().find(|other| other.len() != first.len()) {
        None => Ok(()),
        Some(other) => {
            Err(ShimError { call, message: format!("lists of {} and {} tensors", first.len(), other.len()) })
        }
    }
}

pub(crate) fn checked(done: bool, call: &'static str) -> Result<(), ShimError> {
    // SAFETY: the message is valid until this thread's next call, and is copied here.
    if done { Ok(()) } else { Err(ShimError { call, message: text(unsafe { dinov3_shim_error() }) }) }
}

pub(crate) fn owned(pointer: *mut c_void, call: &'static str) -> Result<Tensor, ShimError> {
    if pointer.is_null() {
        // SAFETY: the message is valid until this thread's next call, and is copied here.
        let message = text(unsafe { dinov3_shim_error() });
        return Err(ShimError { call, message });
    }
    // SAFETY: the shim allocated this `at::Tensor` with `new` and gave it away; tch frees it with `delete`.
    Ok(unsafe { Tensor::from_ptr(pointer.cast()) })
}

pub(crate) fn text(pointer: *const c_char) -> String {
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
