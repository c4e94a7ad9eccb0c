//! What a device does behind the host's back: work to wait for, and memory.

use dinov3_torch::device::{self, Device};
use dinov3_torch::plugin::{Counters, PluginError, lent};

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

/// Counts how often the host waits for a device.
#[derive(Debug)]
pub(super) enum Waits {
    /// As libtorch would warn of it.
    Cuda(device::Waits),
    /// As the plugin counts, and what it had counted before.
    Lent(Counters, u64),
}

impl Waits {
    /// Begins to count; `None` where nobody counts.
    pub(super) fn begin(device: Device) -> Option<Self> {
        match device {
            Device::Plugin { kind, .. } => {
                let counters = lent(kind.name())?.counters().ok()?;
                Some(Self::Lent(counters, waits(&counters)))
            }
            device => device::Waits::begin(device).map(Self::Cuda),
        }
    }

    /// So many until now.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Cuda(counts) => counts.count(),
            Self::Lent(counters, before) => waits(counters).saturating_sub(*before),
        }
    }
}

/// Plugins name each kind of wait: `wait for a number`.
fn waits(counters: &Counters) -> u64 {
    counters.read().iter().filter(|(name, _)| name.starts_with("wait ")).map(|(_, count)| count).sum()
}
