//! What a device does behind the host's back: work to wait for, and memory.

use dinov3_torch::device::{self, Device};
use dinov3_torch::plugin::{PluginError, lent};

/// Waits until `device` has done all that was handed to it.
///
/// # Errors
/// When work on a plugin's device failed.
pub(super) fn synchronise(device: Device) -> Result<(), PluginError> {
    match device {
        Device::Cuda(index) => {
            tch::Cuda::synchronize(index as i64);
            Ok(())
        }
        Device::Plugin { kind, index } => {
            lent(kind.name()).map_or(Ok(()), |lent| lent.device_type().synchronise(index))
        }
        Device::Cpu | Device::Other(_) => Ok(()),
    }
}

/// Whether the host knows when a phase is done.
pub(super) fn is_in_step_with_the_host(device: Device) -> bool {
    device == Device::Cpu
}

/// The most memory that tensors have had on `device`, in bytes, where it is counted.
pub(super) fn peak_memory(device: Device) -> Option<u64> {
    match device {
        // A plugin need not count.
        Device::Plugin { kind, index } => Some(lent(kind.name())?.device_type().memory(index).ok()?.peak),
        device => device::memory(device).map(|memory| memory.most),
    }
}
