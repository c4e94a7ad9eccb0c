//! What CUDA alone has: TF32, an allocator that counts, calls that wait, and a place on the bus.

use std::ffi::c_char;

use super::Device;
use crate::shim::text;

unsafe extern "C" {
    fn dinov3_set_tf32(allowed: bool) -> bool;
    fn dinov3_tf32() -> bool;
    fn dinov3_cuda_memory(device: i32, allocated: *mut i64, most: *mut i64) -> bool;
    fn dinov3_cuda_count_waits(on: bool) -> bool;
    fn dinov3_cuda_waits() -> i64;
    fn dinov3_cuda_bus(device: i32) -> *const c_char;
}

/// Lets CUDA round the operands of float32 products and convolutions to TF32, which has 10 bits of fraction, or not; and likewise lets it take the
/// memory-efficient kernels of attention, which make a product of float32 from three of TF32: on an H200 they have eight times the error that
/// attention has without them. cuDNN chooses its algorithms without trying them. Other devices have no such switch, and nothing changes for them: libtorch's is one for all devices, and
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

/// Counts the calls of this thread, and of its backward passes, in which the host waits for CUDA: those that
/// `torch.cuda.set_sync_debug_mode("warn")` warns of. Waiting on purpose ([`tch::Cuda::synchronize`]) is none of them.
#[derive(Debug)]
pub struct Waits(());

impl Waits {
    /// Begins to count. `None` for other devices, and in a build without CUDA's headers.
    pub fn begin(device: Device) -> Option<Self> {
        // SAFETY: a flag of libtorch, and this thread's handler of warnings.
        (matches!(device, Device::Cuda(_)) && unsafe { dinov3_cuda_count_waits(true) }).then_some(Self(()))
    }

    /// So many until now.
    pub fn count(&self) -> u64 {
        // SAFETY: reads a counter.
        unsafe { dinov3_cuda_waits() }.max(0) as u64
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        // SAFETY: as in `begin`.
        unsafe { dinov3_cuda_count_waits(false) };
    }
}

/// Where a device of CUDA is on the bus, as NVIDIA's tools name it: `00000000:1b:00.0`. They count cards otherwise than CUDA, which
/// `CUDA_VISIBLE_DEVICES` tells which to see.
pub fn bus(device: Device) -> Option<String> {
    let Device::Cuda(index) = device else { return None };
    // SAFETY: the text is copied before the next call.
    let bus = unsafe { dinov3_cuda_bus(i32::try_from(index).ok()?) };
    (!bus.is_null()).then(|| text(bus))
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
        assert!(Waits::begin(Device::Cpu).is_none() && bus(Device::Cpu).is_none());
    }
}
