//! Tensors moved to a device, or made on one.

use std::ffi::{CString, c_char, c_void};

use tch::{Kind, Tensor};

use super::Device;
use crate::shim::{ShimError, owned};

/// The device on which tch's constructors make tensors. Random numbers are drawn on the host, so that every device computes with the same
/// numbers.
pub const HOST: tch::Device = tch::Device::Cpu;

unsafe extern "C" {
    fn dinov3_to_device(this: *const c_void, device: *const c_char) -> *mut c_void;
    fn dinov3_place(this: *const c_void, device: *const c_char, of_dtype: *const c_void) -> *mut c_void;
    fn dinov3_empty(
        shape: *const i64,
        dimensions: usize,
        device: *const c_char,
        of_dtype: *const c_void,
    ) -> *mut c_void;
    fn dinov3_staging(
        shape: *const i64,
        dimensions: usize,
        device: *const c_char,
        of_dtype: *const c_void,
    ) -> *mut c_void;
    fn dinov3_empty_rows(this: *const c_void, times: i64) -> *mut c_void;
}

fn name(device: Device) -> CString {
    CString::new(device.to_string()).expect("libtorch names no device with a NUL")
}

/// `tensor.to(device)`: the tensor itself if it is there already.
///
/// # Errors
/// If libtorch has no such device, or the device has no memory for the tensor.
pub fn to(tensor: &Tensor, device: Device) -> Result<Tensor, ShimError> {
    let device = name(device);
    // SAFETY: the tensor is live and the text outlives the call.
    owned(unsafe { dinov3_to_device(tensor.as_ptr().cast(), device.as_ptr()) }, "to")
}

/// [`to`] for a device that is in use already.
///
/// # Panics
/// When libtorch throws, as tch's own ops do.
pub fn moved(tensor: &Tensor, device: Device) -> Tensor {
    to(tensor, device).unwrap_or_else(|error| panic!("{error}"))
}

/// The tensor on the device of `other`, as [`send`] brings it there; itself if it is there already.
///
/// # Panics
/// As [`moved`].
pub fn beside(tensor: &Tensor, other: &Tensor) -> Tensor {
    send(tensor, Device::of(other), tensor.kind())
}

/// The tensor on the host; itself if it is there already.
///
/// # Panics
/// As [`moved`].
pub fn host(tensor: &Tensor) -> Tensor {
    moved(tensor, Device::Cpu)
}

/// The tensor on `device` and in `kind`; itself if it is so already. From the host to an accelerator it goes through page-locked memory, and
/// is copied while the host goes on.
///
/// # Panics
/// As [`moved`].
pub fn send(tensor: &Tensor, device: Device, kind: Kind) -> Tensor {
    let (device, of_dtype) = (name(device), Tensor::empty([0], (kind, HOST)));
    // SAFETY: both tensors are live and the text outlives the call; of the second only the dtype is read.
    let sent = unsafe { dinov3_place(tensor.as_ptr().cast(), device.as_ptr(), of_dtype.as_ptr().cast()) };
    owned(sent, "to").unwrap_or_else(|error| panic!("{error}"))
}

/// `torch.empty(shape, dtype=kind, device=device)`.
///
/// # Panics
/// As [`moved`].
pub fn empty(shape: &[i64], kind: Kind, device: Device) -> Tensor {
    let (device, of_dtype) = (name(device), Tensor::empty([0], (kind, HOST)));
    // SAFETY: shape, tensor and text outlive the call; of the tensor only the dtype is read.
    let made = unsafe { dinov3_empty(shape.as_ptr(), shape.len(), device.as_ptr(), of_dtype.as_ptr().cast()) };
    owned(made, "empty").unwrap_or_else(|error| panic!("{error}"))
}

/// A tensor on the host that [`send`] brings to `device` without copying it before: page-locked for an accelerator. Its values are undefined.
///
/// # Panics
/// As [`moved`].
pub fn staging(shape: &[i64], kind: Kind, device: Device) -> Tensor {
    let (device, of_dtype) = (name(device), Tensor::empty([0], (kind, HOST)));
    // SAFETY: as in `empty`.
    let made = unsafe { dinov3_staging(shape.as_ptr(), shape.len(), device.as_ptr(), of_dtype.as_ptr().cast()) };
    owned(made, "empty").unwrap_or_else(|error| panic!("{error}"))
}

/// A tensor with undefined values, and dtype and device of `tensor`: `[times * n, ...]` for `[n, ...]`, `[times]` for no dimensions.
///
/// # Errors
/// If there is no memory for it.
pub fn empty_rows(tensor: &Tensor, times: usize) -> Result<Tensor, ShimError> {
    // SAFETY: the tensor is live and only its properties are read.
    owned(unsafe { dinov3_empty_rows(tensor.as_ptr().cast(), times as i64) }, "empty")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_says_where_it_is_and_goes_where_there_is_a_device() {
        let x = Tensor::ones([2, 3], (Kind::Half, HOST));
        assert_eq!(Device::of(&x), Device::Cpu);
        assert_eq!(host(&x).data_ptr(), x.data_ptr());
        assert_eq!(send(&x, Device::Cpu, Kind::Half).data_ptr(), x.data_ptr());
        assert_eq!(send(&x, Device::Cpu, Kind::Float).kind(), Kind::Float);
        for device in [Device::named("nowhere", 0), Device::named("npu", 0), Device::named("c pu", 1)] {
            let error = to(&x, device).unwrap_err().to_string();
            assert!(error.starts_with("libtorch refused `to`: "), "{error}");
        }
    }

    /// Every way to a place keeps it, of a tensor that tch reads as one of MPS.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "tch's answer is what is to be seen")]
    fn a_device_without_a_name_in_tch_stays_what_it_is() {
        let x = moved(&Tensor::ones([2, 3], (Kind::Half, HOST)), Device::META);
        assert_eq!((x.device(), Device::of(&x)), (tch::Device::Mps, Device::META));
        assert_eq!(Device::of(&x).to_string(), "meta");
        let y = Tensor::ones([3], (Kind::Float, HOST));
        for there in [
            beside(&y, &x),
            beside(&x, &x),
            send(&y, Device::META, Kind::Double),
            empty(&[2], Kind::Float, Device::META),
            empty_rows(&x, 3).unwrap(),
            x.zeros_like(),
            &x + 1.0,
        ] {
            assert_eq!(Device::of(&there), Device::META);
        }
        assert_eq!(Device::of(&beside(&y, &y)), Device::Cpu);
    }

    #[test]
    fn memory_has_the_shape_and_the_dtype_that_were_asked_for() {
        let made = empty(&[2, 0, 3], Kind::BFloat16, Device::Cpu);
        assert_eq!((made.size(), made.kind(), Device::of(&made)), (vec![2, 0, 3], Kind::BFloat16, Device::Cpu));
        assert_eq!(empty(&[], Kind::Bool, Device::Cpu).size(), [0i64; 0]);
        let staged = staging(&[2, 3], Kind::BFloat16, Device::Cpu);
        assert_eq!((staged.size(), staged.kind(), Device::of(&staged)), (vec![2, 3], Kind::BFloat16, Device::Cpu));
    }

    #[test]
    fn rows_are_as_many_as_asked_for() {
        let rows = empty_rows(&Tensor::ones([2, 3], (Kind::Half, HOST)), 4).unwrap();
        assert_eq!((rows.size(), rows.kind()), (vec![8, 3], Kind::Half));
        assert_eq!(empty_rows(&Tensor::from(1.0), 4).unwrap().size(), [4]);
    }

    #[test]
    #[should_panic(expected = "a tensor is nowhere")]
    fn an_undefined_tensor_is_nowhere() {
        Device::of(&Tensor::new());
    }
}
