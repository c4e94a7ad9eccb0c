//! Devices, and how to bring tensors to them.
//!
//! tch's enum knows the host, CUDA, MPS and Vulkan, and reads every other device as MPS. Ours keeps the name that libtorch prints, so that a
//! device without a name in tch stays what it is. Outside of this crate clippy refuses the calls by which tch reads or changes a tensor's
//! place (`clippy.toml`).

mod caught;
mod cuda;
mod place;

use std::collections::BTreeSet;
use std::ffi::{c_char, c_void};
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

pub use caught::{DeviceFailure, caught};
pub use cuda::{Memory, Waits, bus, memory, set_tf32, tf32};
pub use place::{HOST, beside, empty, empty_rows, host, moved, send, staging, to};
use tch::{Cuda, Tensor};
use thiserror::Error;

use crate::shim::{dinov3_shim_error, text};

/// The number of CUDA devices that libtorch sees.
pub fn cuda_devices() -> usize {
    Cuda::device_count().max(0) as usize
}

unsafe extern "C" {
    fn dinov3_device(this: *const c_void) -> *const c_char;
}

/// A device of this machine (`torch.device`), printed and read as libtorch does: `cpu`, `cuda:0`, `npu:1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// The host's memory.
    Cpu,
    /// The CUDA device of this index.
    Cuda(usize),
    /// A device that a plugin brings.
    Plugin {
        /// Its kind: `npu`.
        kind: DeviceKind,
        /// Its index among the devices of this kind on this machine.
        index: usize,
    },
    /// A device of libtorch without an index, such as `meta`, whose tensors have no values. No text is read as one.
    Other(DeviceKind),
}

/// The kind of a device, as libtorch names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeviceKind(&'static str);

impl DeviceKind {
    /// The kind of this name. A name is kept for good at its first use, so that a device can be copied like a number.
    fn of(name: &str) -> Self {
        static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        // A thread that panicked left a whole set, since an insertion is the only change.
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return Self(known);
        }
        let name: &'static str = Box::leak(name.into());
        names.insert(name);
        Self(name)
    }

    /// `npu`.
    pub fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The reason why a text names no device.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not a device: {why}")]
pub struct DeviceError {
    /// What was read.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Device {
    /// libtorch's device without values. An op on it gives the shape, dtype and device of its result, and computes nothing.
    pub const META: Self = Self::Other(DeviceKind("meta"));

    /// The device of `tensor`.
    ///
    /// # Panics
    /// If the tensor is undefined.
    pub fn of(tensor: &Tensor) -> Self {
        // SAFETY: the tensor is live; the text is valid until this thread's next call, and is copied here.
        let device = unsafe { dinov3_device(tensor.as_ptr().cast()) };
        // SAFETY: the message is valid until this thread's next call, and is copied here.
        assert!(!device.is_null(), "a tensor is nowhere: {}", text(unsafe { dinov3_shim_error() }));
        Self::printed(&text(device))
    }

    /// The device of a kind, as libtorch names it, and an index. The host ignores the index.
    pub fn named(kind: &str, index: usize) -> Self {
        match kind {
            "cpu" => Self::Cpu,
            "cuda" => Self::Cuda(index),
            kind => Self::Plugin { kind: DeviceKind::of(kind), index },
        }
    }

    /// The device that libtorch printed.
    fn printed(text: &str) -> Self {
        match text.split_once(':').map(|(kind, index)| (kind, index.parse())) {
            Some((kind, Ok(index))) => Self::named(kind, index),
            _ if text == "cpu" => Self::Cpu,
            _ => Self::Other(DeviceKind::of(text)),
        }
    }

    /// The kind, as libtorch names it: `cpu`, `cuda`, `npu`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda(_) => "cuda",
            Self::Plugin { kind, .. } | Self::Other(kind) => kind.name(),
        }
    }

    /// The index among the devices of its kind on this machine; the host has none.
    pub fn index(self) -> Option<usize> {
        match self {
            Self::Cuda(index) | Self::Plugin { index, .. } => Some(index),
            Self::Cpu | Self::Other(_) => None,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index() {
            Some(index) => f.pad(&format!("{}:{index}", self.kind())),
            None => f.pad(self.kind()),
        }
    }
}

impl FromStr for Device {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let refused = |why| Err(DeviceError { text: text.to_owned(), why });
        let Some((kind, index)) = text.split_once(':') else {
            return match text {
                "cpu" => Ok(Self::Cpu),
                "meta" => refused("tensors of libtorch's `meta` have no values, so nothing is computed there"),
                _ => refused("it lacks an index, as `cuda:0` has one"),
            };
        };
        let first = kind.starts_with(|first: char| first.is_ascii_lowercase());
        if !first || !kind.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_') {
            return refused("a kind has lower-case letters, digits and `_`, and begins with a letter");
        }
        let digits = index.chars().all(|it| it.is_ascii_digit()) && (index == "0" || !index.starts_with('0'));
        match (kind, index.parse()) {
            ("cpu", _) => refused("the host has no index"),
            ("meta", _) => refused("tensors of libtorch's `meta` have no values, so nothing is computed there"),
            (kind, Ok(index)) if digits => Ok(Self::named(kind, index)),
            _ => refused("its index is not a number as libtorch reads one"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_printed_as_they_are_read() {
        for text in ["cpu", "cuda:0", "cuda:11", "npu:1", "mps:0", "privateuseone:2"] {
            let device: Device = text.parse().unwrap();
            assert_eq!(device.to_string(), text);
            assert_eq!(Device::printed(text), device);
        }
        let npu: Device = "npu:1".parse().unwrap();
        assert_eq!((npu.kind(), npu.index()), ("npu", Some(1)));
        assert_eq!(npu, Device::named("npu", 1));
        assert_ne!(npu, Device::named("npu", 0));
        assert_ne!(npu, Device::named("xpu", 1));
        assert_eq!(format!("{npu:?}"), "Plugin { kind: npu, index: 1 }");
    }

    #[test]
    fn what_is_no_device_is_refused() {
        let refused = |text: &str| text.parse::<Device>().unwrap_err().why;
        for text in ["cuda", "npu", "gpu", ""] {
            assert_eq!(refused(text), "it lacks an index, as `cuda:0` has one", "{text}");
        }
        for text in ["cuda:", "cuda:x", "cuda:01", "cuda:+1", "cuda:-1", "npu:0:1"] {
            assert_eq!(refused(text), "its index is not a number as libtorch reads one", "{text}");
        }
        assert_eq!(refused("cpu:0"), "the host has no index");
        for text in ["meta", "meta:0"] {
            assert!(refused(text).starts_with("tensors of libtorch's `meta` have no values"), "{text}");
        }
        for text in ["NPU:0", ":0", "9:0", "n pu:0"] {
            assert!(refused(text).starts_with("a kind has lower-case letters"), "{text}");
        }
    }
}
