//! Where a tensor is, and how to bring it elsewhere: tch knows the host and CUDA, and takes every other device for the host.

use std::ffi::{CString, c_char, c_void};

pub use tch::Device;
use tch::{Cuda, Tensor};

use crate::shim::{ShimError, owned, text};

/// How many devices of CUDA libtorch sees.
pub fn cuda_devices() -> usize {
    Cuda::device_count().max(0) as usize
}

unsafe extern "C" {
    fn dinov3_device(this: *const c_void) -> *const c_char;
    fn dinov3_to_device(this: *const c_void, device: *const c_char) -> *mut c_void;
    fn dinov3_empty_rows(this: *const c_void, times: i64) -> *mut c_void;
}

/// The device of a tensor as libtorch prints it: `cpu`, `cuda:0`, `npu:1`.
pub fn of(tensor: &Tensor) -> String {
    // SAFETY: the tensor is live; the text is valid until this thread's next call, and is copied here.
    text(unsafe { dinov3_device(tensor.as_ptr().cast()) })
}

/// `tensor.to(device)`: the tensor itself where it is there.
///
/// # Errors
/// When libtorch has no such device.
pub fn to(tensor: &Tensor, device: &str) -> Result<Tensor, ShimError> {
    const CALL: &str = "to";
    let device =
        CString::new(device).map_err(|_| ShimError { call: CALL, message: format!("{device:?} holds a NUL") })?;
    // SAFETY: the tensor is live and the text outlives the call.
    owned(unsafe { dinov3_to_device(tensor.as_ptr().cast(), device.as_ptr()) }, CALL)
}

/// An undefined tensor of the dtype and the device of `[n, ...]`, `[times * n, ...]`; of one without dimensions, `[times]`.
///
/// # Errors
/// When there is no memory for it.
pub fn empty_rows(tensor: &Tensor, times: usize) -> Result<Tensor, ShimError> {
    // SAFETY: the tensor is live and only its properties are read.
    owned(unsafe { dinov3_empty_rows(tensor.as_ptr().cast(), times as i64) }, "empty")
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn a_tensor_says_where_it_is_and_goes_where_there_is_a_device() {
        let x = Tensor::ones([2, 3], (Kind::Half, Device::Cpu));
        assert_eq!(of(&x), "cpu");
        assert_eq!(to(&x, "cpu").unwrap().data_ptr(), x.data_ptr());
        for device in ["nowhere", "meta:x", "c\0pu"] {
            let error = to(&x, device).unwrap_err().to_string();
            assert!(error.starts_with("libtorch refused `to`: "), "{error}");
        }
    }

    #[test]
    fn rows_are_as_many_as_asked_for() {
        let rows = empty_rows(&Tensor::ones([2, 3], (Kind::Half, Device::Cpu)), 4).unwrap();
        assert_eq!((rows.size(), rows.kind()), (vec![8, 3], Kind::Half));
        assert_eq!(empty_rows(&Tensor::from(1.0), 4).unwrap().size(), [4]);
    }
}
