//! What CUDA alone has: TF32, and an allocator that counts.

use super::Device;

unsafe extern "C" {
    fn dinov3_set_tf32(allowed: bool) -> bool;
    fn dinov3_tf32() -> bool;
    fn dinov3_cuda_memory(device: i32, allocated: *mut i64, most: *mut i64) -> bool;
}

/// Lets CUDA round the operands of float32 products and convolutions to TF32, which has 10 bits of fraction, or not; and lets cuDNN choose its
/// algorithms without trying them. Other devices have no such switch, and nothing changes for them: libtorch's is one for all devices, and
/// oneDNN reads it too.
///
/// The reference's training program allows TF32 (`dinov3/train/train.py`, line 44). A float32 golden set is judged by the rounding of float32.
pub fn set_tf32(device: Device, allowed: bool) {
    if matches!(device, Device::Cuda(_)) {
        // SAFETY: a flag of libtorch's context. It throws in a process alone that has used libtorch's other interface to the same flag.
        assert!(unsafe { dinov3_set_tf32(allowed) }, "libtorch refuses to set TF32");
    }
}

/// Whether products and convolutions may be in TF32.
pub fn tf32() -> bool {
    // SAFETY: two flags of libtorch's context.
    unsafe { dinov3_tf32() }
}

/// Memory of a device, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// In use (`torch.cuda.memory_allocated`).
    pub allocated: u64,
    /// The most that were in use at once (`torch.cuda.max_memory_allocated`).
    pub most: u64,
}

/// The memory that tensors have on `device`. `None` where nothing counts it: on the host, and in a build without CUDA's headers.
pub fn memory(device: Device) -> Option<Memory> {
    let Device::Cuda(index) = device else { return None };
    let (mut allocated, mut most) = (0, 0);
    // SAFETY: both pointers are live.
    let counted = unsafe { dinov3_cuda_memory(i32::try_from(index).ok()?, &raw mut allocated, &raw mut most) };
    counted.then_some(Memory { allocated: u64::try_from(allocated).ok()?, most: u64::try_from(most).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_has_no_switch_and_no_count() {
        let before = tf32();
        set_tf32(Device::Cpu, !before);
        assert_eq!(tf32(), before);
        assert_eq!(memory(Device::Cpu), None);
    }
}
