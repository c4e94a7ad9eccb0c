//! The type of device that a plugin has lent to this process. libtorch has room for one.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_void};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::table::Counters as Table;
use super::{Collectives, DeviceType, Plugin, PluginError, text};

/// A plugin whose type of device libtorch knows, for as long as the process lives.
#[derive(Debug)]
pub struct Lent {
    plugin: &'static Plugin,
    device_type: DeviceType,
}

static LENT: OnceLock<Lent> = OnceLock::new();

/// The plugin that has lent devices of this kind, such as `npu`.
pub fn lent(kind: &str) -> Option<&'static Lent> {
    LENT.get().filter(|lent| lent.device_type.kind() == kind)
}

impl Plugin {
    /// Tells libtorch about the plugin's type of device; the first call alone does something.
    ///
    /// # Errors
    /// If the plugin has none or cannot register it, or another plugin has lent one already.
    pub fn lend(&'static self) -> Result<&'static Lent, PluginError> {
        static FIRST: Mutex<()> = Mutex::new(());
        // A thread that panicked has set the cell, or has not.
        let _first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lent) = LENT.get() {
            let same = std::ptr::fn_addr_eq(lent.plugin.get, self.get);
            let other = || PluginError::Second { path: self.path.clone(), other: lent.plugin.path.clone() };
            return same.then_some(lent).ok_or_else(other);
        }
        let device_type = self.device_type()?;
        device_type.register()?;
        Ok(LENT.get_or_init(|| Lent { plugin: self, device_type }))
    }

    /// `counters/1`: what the plugin's device has been asked to do.
    ///
    /// # Errors
    /// If the plugin does not count, or its table is too short or has gaps.
    pub fn counters(&self) -> Result<Counters, PluginError> {
        let table: Table = self.read()?;
        let read = table.read.ok_or_else(|| self.gap::<Table>("read"))?;
        let reset = table.reset.ok_or_else(|| self.gap::<Table>("reset"))?;
        Ok(Counters { read, reset })
    }
}

impl Lent {
    /// The file of the plugin.
    pub fn path(&self) -> &'static Path {
        self.plugin.path()
    }

    /// The type of device.
    pub fn device_type(&self) -> &DeviceType {
        &self.device_type
    }

    /// The plugin's collectives between these devices.
    ///
    /// # Errors
    /// As [`Plugin::collectives`].
    pub fn collectives(&self) -> Result<&'static Collectives, PluginError> {
        self.plugin.collectives()
    }

    /// What the devices have been asked to do.
    ///
    /// # Errors
    /// As [`Plugin::counters`].
    pub fn counters(&self) -> Result<Counters, PluginError> {
        self.plugin.counters()
    }
}

/// Counts of what a device has been asked to do: kernels, copies, and waits of the host.
#[derive(Clone, Copy, Debug)]
pub struct Counters {
    read: extern "C" fn(*mut c_void, extern "C" fn(*mut c_void, *const c_char, u64)),
    reset: extern "C" fn(),
}

impl Counters {
    /// The counts since the process began, or since [`Counters::reset`], by the plugin's names.
    pub fn read(&self) -> BTreeMap<String, u64> {
        extern "C" fn each(context: *mut c_void, name: *const c_char, count: u64) {
            // SAFETY: `context` is the map below, which nothing else touches during the call.
            let all = unsafe { &mut *context.cast::<BTreeMap<String, u64>>() };
            all.insert(text(name), count);
        }
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        (self.read)((&raw mut all).cast(), each);
        all
    }

    /// Begins all counts again at 0.
    pub fn reset(&self) {
        (self.reset)();
    }
}
