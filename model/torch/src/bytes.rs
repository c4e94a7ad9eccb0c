//! A tensor's bytes on the host.

use half::bf16;
use half::slice::HalfFloatSliceExt;
use tch::{Kind, Tensor};

use crate::device::{Device, host};

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

/// Writes `values` into `to`, a contiguous tensor on the host, from its element `first` on, each rounded to its dtype: float32 or bfloat16.
///
/// # Panics
/// If there are fewer elements, the tensor has another dtype or is elsewhere.
pub fn put(to: &mut Tensor, first: usize, values: &[f32]) {
    let (kind, all) = (to.kind(), to.numel());
    assert!(Device::of(to) == Device::Cpu && to.is_contiguous(), "a contiguous tensor of the host");
    assert!(first + values.len() <= all, "{} values behind {first} of {all}", values.len());
    let behind = first..first + values.len();
    match kind {
        Kind::Float => {
            // SAFETY: the storage holds `all` elements of this dtype from `data_ptr` on, `to` is borrowed alone, and no code of ours writes
            // to a tensor that another thread has.
            let to = unsafe { std::slice::from_raw_parts_mut(to.data_ptr().cast::<f32>(), all) };
            to[behind].copy_from_slice(values);
        }
        Kind::BFloat16 => {
            // SAFETY: as above.
            let to = unsafe { std::slice::from_raw_parts_mut(to.data_ptr().cast::<bf16>(), all) };
            to[behind].convert_from_f32_slice(values);
        }
        other => panic!("no values are put into a tensor of {other:?}"),
    }
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
    use crate::device::HOST;

    #[test]
    fn bytes_are_row_major_whatever_the_strides() {
        let columns = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]).view([2, 3]).transpose(0, 1);
        let bytes: Vec<u8> = [1.0f32, 4.0, 2.0, 5.0, 3.0, 6.0].into_iter().flat_map(f32::to_le_bytes).collect();
        let seen = with_bytes(&columns, |kind, shape, all| (kind, shape.to_vec(), all.to_vec()));
        assert_eq!(seen, (Kind::Float, vec![3, 2], bytes));
    }

    #[test]
    fn values_are_rounded_as_torch_rounds_them() {
        // Ties, neighbours of ties, values below the normal range, and those that become infinite.
        let mut bits: Vec<u32> = vec![
            0x3F80_8000,
            0x3F81_8000,
            0x3F80_7FFF,
            0x3F80_8001,
            0x7F7F_FFFF,
            0x7F7F_8000,
            0x8000_0001,
            0x0040_8000,
        ];
        bits.extend((0..2000u32).map(|it| it.wrapping_mul(0x9E37_79B9) & 0xBFFF_FFFF));
        let values: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
        let all = Tensor::from_slice(&values);
        for kind in [Kind::Float, Kind::BFloat16] {
            let mut to = Tensor::zeros([values.len() as i64 + 3], (kind, HOST));
            put(&mut to, 2, &values);
            assert_eq!(to.narrow(0, 2, values.len() as i64), all.to_kind(kind));
            assert_eq!((to.double_value(&[1]), to.double_value(&[-1])), (0.0, 0.0));
        }
    }

    #[test]
    #[should_panic(expected = "5 values behind 2 of 6")]
    fn values_beyond_the_tensor_are_refused() {
        put(&mut Tensor::zeros([3, 2], (Kind::Float, HOST)), 2, &[0.0; 5]);
    }
}
