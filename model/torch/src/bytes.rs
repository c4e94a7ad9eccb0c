//! A tensor's bytes on the host.

use tch::{Device, Kind, Tensor};

/// A contiguous tensor on the host, with a view of its bytes.
#[derive(Debug)]
pub struct TensorBytes {
    tensor: Tensor,
    shape: Vec<usize>,
}

impl TensorBytes {
    /// The dtype.
    pub fn kind(&self) -> Kind {
        self.tensor.kind()
    }

    /// The shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Row-major, in the machine's byte order (little-endian on every supported one).
    pub fn bytes(&self) -> &[u8] {
        let length = self.tensor.numel() * self.kind().elt_size_in_bytes();
        if length == 0 {
            return &[];
        }
        // SAFETY: `bytes_of` made the tensor contiguous and put it on the host, `self` keeps it alive, and its storage holds
        // `length` bytes from `data_ptr` on. That nothing writes to it meanwhile is the promise of whoever called `bytes_of`.
        unsafe { std::slice::from_raw_parts(self.tensor.data_ptr().cast(), length) }
    }
}

/// The bytes of `tensor`: copied only if it is on a device or not contiguous.
///
/// # Safety
/// While the result lives, nothing may write to the storage of `tensor`, which other tensors may share.
pub unsafe fn bytes_of(tensor: &Tensor) -> TensorBytes {
    let tensor = tensor.detach().to_device(Device::Cpu).contiguous();
    let shape = tensor.size().into_iter().map(|n| n as usize).collect();
    TensorBytes { tensor, shape }
}
