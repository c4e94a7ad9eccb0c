//! Autograd's hooks, and tensors whose memory comes and goes. The C side is `model/torch/shim/hooks.cpp`.

use std::ffi::c_void;

use tch::Tensor;

use crate::shim::{ShimError, checked};

/// As C has it.
#[repr(C)]
struct Closure {
    context: *mut c_void,
    call: extern "C" fn(*mut c_void),
    drop: extern "C" fn(*mut c_void),
}

unsafe extern "C" {
    fn dinov3_after_accumulation(leaf: *const c_void, closure: Closure) -> bool;
    fn dinov3_before_backward(output: *const c_void, closure: Closure) -> bool;
    fn dinov3_release_memory(this: *const c_void) -> bool;
    fn dinov3_restore_memory(this: *const c_void) -> bool;
}

/// The closure that a hook calls. It must not panic, since C++ calls it.
pub type Hook = Box<dyn Fn() + Send + Sync>;

fn closure(hook: Hook) -> Closure {
    extern "C" fn call(context: *mut c_void) {
        // SAFETY: `context` is the box below, which lives until `drop`.
        unsafe { (*context.cast::<Hook>())() }
    }
    extern "C" fn drop(context: *mut c_void) {
        // SAFETY: made by `into_raw` below; the C side drops once.
        std::mem::drop(unsafe { Box::from_raw(context.cast::<Hook>()) });
    }
    Closure { context: Box::into_raw(Box::new(hook)).cast(), call, drop }
}

/// `leaf.register_post_accumulate_grad_hook`: calls `hook` once in each backward pass, when the gradient of `leaf` is complete. Replaces
/// the hook that was registered before.
///
/// # Errors
/// If libtorch throws, for example because the tensor is no leaf.
pub fn after_accumulation(leaf: &Tensor, hook: Hook) -> Result<(), ShimError> {
    // SAFETY: the tensor is live; the closure is taken over.
    let done = unsafe { dinov3_after_accumulation(leaf.as_ptr().cast(), closure(hook)) };
    checked(done, "register_post_accumulate_grad_hook")
}

/// `output.register_hook`: calls `hook` before the backward pass goes on from `output`.
///
/// # Errors
/// If libtorch throws, for example because the tensor has no graph.
pub fn before_backward(output: &Tensor, hook: Hook) -> Result<(), ShimError> {
    // SAFETY: as in `after_accumulation`.
    checked(unsafe { dinov3_before_backward(output.as_ptr().cast(), closure(hook)) }, "register_hook")
}

/// Frees the memory of `tensor` and of every tensor that shares its storage. Shapes, graphs and versions stay. The values must be written
/// again after [`restore_memory`] before anything reads them.
///
/// # Errors
/// When libtorch throws.
pub fn release_memory(tensor: &Tensor) -> Result<(), ShimError> {
    // SAFETY: the tensor is live; the caller keeps the contract above.
    checked(unsafe { dinov3_release_memory(tensor.as_ptr().cast()) }, "untyped_storage().resize_")
}

/// Allocates memory again for a contiguous `tensor` that fills its storage. Its values are undefined.
///
/// # Errors
/// If libtorch throws, for example because there is not enough memory.
pub fn restore_memory(tensor: &Tensor) -> Result<(), ShimError> {
    // SAFETY: as in `release_memory`.
    checked(unsafe { dinov3_restore_memory(tensor.as_ptr().cast()) }, "untyped_storage().resize_")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tch::{Device, Kind, no_grad};

    use super::*;

    fn counter() -> (Arc<AtomicUsize>, Hook) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        (
            count,
            Box::new(move || {
                let _ = counted.fetch_add(1, Ordering::Relaxed);
            }),
        )
    }

    #[test]
    fn hooks_are_called_once_a_pass_and_dropped_with_their_tensors() {
        let leaf = Tensor::ones([2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let (accumulated, hook) = counter();
        after_accumulation(&leaf, hook).unwrap();
        for pass in 1..=2 {
            let output = &leaf * 2.0;
            let (reached, hook) = counter();
            before_backward(&output, hook).unwrap();
            (&output * &leaf + &output).sum(None::<Kind>).backward();
            drop(output);
            assert_eq!(accumulated.load(Ordering::Relaxed), pass);
            assert_eq!((reached.load(Ordering::Relaxed), Arc::strong_count(&reached)), (1, 1));
        }
        drop(leaf);
        assert_eq!(Arc::strong_count(&accumulated), 1);
    }

    /// A graph that holds a tensor does not mind that its memory went and came back with the same values.
    #[test]
    fn memory_goes_and_comes_back_beneath_a_graph() {
        let weight = Tensor::from_slice(&[3.0f32, 5.0]).set_requires_grad(true);
        let mut beneath = weight.data();
        let x = Tensor::from_slice(&[1.0f32, 2.0]).set_requires_grad(true);
        let output = (&x * &weight).sum(None::<Kind>);
        release_memory(&weight).unwrap();
        restore_memory(&weight).unwrap();
        no_grad(|| beneath.copy_(&Tensor::from_slice(&[3.0f32, 5.0])));
        output.backward();
        assert_eq!(x.grad(), Tensor::from_slice(&[3.0f32, 5.0]));
        assert_eq!(weight.grad(), Tensor::from_slice(&[1.0f32, 2.0]));
    }

    #[test]
    fn a_tensor_without_a_graph_is_refused() {
        let (count, hook) = counter();
        let error = before_backward(&Tensor::from(1.0), hook).unwrap_err();
        assert_eq!(error.call, "register_hook");
        assert_eq!(Arc::strong_count(&count), 1, "the closure was dropped");
    }
}
