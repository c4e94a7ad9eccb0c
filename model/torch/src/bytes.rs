//! A tensor's bytes on the host.

use tch::{Device, Kind, Tensor};

use crate::device::host;

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
        // `length` bytes from `data_ptr` on. The caller of `bytes_of` promises that nothing writes to it meanwhile.
        unsafe { std::slice::from_raw_parts(self.tensor.data_ptr().cast(), length) }
    }
}

/// Calls `f` with dtype, shape and bytes of `tensor`, row-major, in the machine's byte order. Copies the tensor only if it is on a
/// device or not contiguous.
///
/// `f` must not write to the tensor through another handle, since libtorch cannot lock a tensor's storage.
pub fn with_bytes<R>(tensor: &Tensor, f: impl FnOnce(Kind, &[usize], &[u8]) -> R) -> R {
    // SAFETY: the tensor is borrowed for the whole call, no code of ours writes in place to a tensor that it has handed out, and `f`
    // sees bytes to read.
    let all = unsafe { bytes_of(tensor) };
    f(all.kind(), all.shape(), all.bytes())
}

/// A copy of the bytes of `tensor`, as [`with_bytes`] gives them.
pub fn copied(tensor: &Tensor) -> Vec<u8> {
    with_bytes(tensor, |_, _, bytes| bytes.to_vec())
}

/// Overwrites `to`: its element (i, j, …) becomes the element of `values` at index i · strides\[0\] + j · strides\[1\] + ….
///
/// # Panics
/// If the shape of `to` reaches beyond the values.
pub fn fill_strided(to: &Tensor, values: &[f32], strides: &[i64]) {
    let shape = to.size();
    let last: i64 = shape.iter().zip(strides).map(|(extent, stride)| (extent - 1).max(0) * stride).sum();
    assert!(
        shape.contains(&0) || (last as usize) < values.len(),
        "{shape:?} by {strides:?} of {} values",
        values.len()
    );
    // SAFETY: the values are borrowed until they have been copied, and the shape stays within them.
    let all = unsafe { Tensor::from_blob(values.as_ptr().cast(), &shape, strides, Kind::Float, Device::Cpu) };
    to.shallow_clone().copy_(&all);
}

/// The bytes of `tensor`. Copies the tensor only if it is on a device or not contiguous.
///
/// # Safety
/// While the result lives, nothing may write to the storage of `tensor`, which other tensors may share.
pub unsafe fn bytes_of(tensor: &Tensor) -> TensorBytes {
    let tensor = host(&tensor.detach()).contiguous();
    let shape = tensor.size().into_iter().map(|n| n as usize).collect();
    TensorBytes { tensor, shape }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_row_major_whatever_the_strides() {
        let columns = Tensor::zeros([3, 2], (Kind::Float, Device::Cpu));
        fill_strided(&columns, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[1, 3]);
        assert_eq!(columns, Tensor::from_slice(&[1.0f32, 4.0, 2.0, 5.0, 3.0, 6.0]).view([3, 2]));
        let bytes: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0].into_iter().flat_map(f32::to_le_bytes).collect();
        let seen = with_bytes(&columns.transpose(0, 1), |kind, shape, all| (kind, shape.to_vec(), all.to_vec()));
        assert_eq!(seen, (Kind::Float, vec![2, 3], bytes));
    }

    #[test]
    #[should_panic(expected = "of 5 values")]
    fn a_shape_beyond_the_values_is_refused() {
        fill_strided(&Tensor::zeros([3, 2], (Kind::Float, Device::Cpu)), &[0.0; 5], &[1, 3]);
    }
}
