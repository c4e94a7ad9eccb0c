//! `device/1`: a type of device that a plugin tells libtorch about.

use std::ffi::{c_char, c_int, c_void};
use std::fmt;
use std::path::PathBuf;
use std::ptr::null_mut;

use super::table::{Device, Grows};
use super::{PluginError, said, text};

/// Memory of one device, in bytes (`dinov3_memory`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Memory {
    /// Bytes that this process holds now.
    pub in_use: u64,
    /// The most bytes that this process held since it began, or since the peak was reset.
    pub peak: u64,
    /// Bytes of the device.
    pub total: u64,
}

/// A type of device. Indices are those of this machine's devices, from 0.
pub struct DeviceType {
    path: PathBuf,
    kind: String,
    calls: Device,
    error: extern "C" fn() -> *const c_char,
}

// SAFETY: the table's pointers are to functions, which may be called from any thread, and to a text that lives as long as the process.
unsafe impl Send for DeviceType {}
// SAFETY: as above.
unsafe impl Sync for DeviceType {}

impl DeviceType {
    pub(super) fn of(path: PathBuf, calls: Device) -> Result<Self, PluginError> {
        let gap = |member| PluginError::Gap { path: path.clone(), table: Device::NAME, member };
        let kind = Some(text(calls.kind)).filter(|kind| !kind.is_empty()).ok_or_else(|| gap("kind"))?;
        let always = [
            ("register_device", calls.register_device.is_some()),
            ("count", calls.count.is_some()),
            ("set", calls.set.is_some()),
            ("synchronise", calls.synchronise.is_some()),
            ("seed", calls.seed.is_some()),
        ];
        if let Some((member, _)) = always.into_iter().find(|(_, there)| !there) {
            return Err(gap(member));
        }
        let error = calls.error.ok_or_else(|| gap("error"))?;
        Ok(Self { path, kind, calls, error })
    }

    /// The type as libtorch prints it once it is registered: `npu`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Registers the type with libtorch. Call it once, before any other use of the type.
    ///
    /// # Errors
    /// When the plugin cannot.
    pub fn register(&self) -> Result<(), PluginError> {
        self.done("device/1 register_device", self.calls.register_device, |call| call())
    }

    /// The number of devices of this machine.
    ///
    /// # Errors
    /// When the plugin cannot tell.
    pub fn count(&self) -> Result<usize, PluginError> {
        const CALL: &str = "device/1 count";
        usize::try_from(self.offered(CALL, self.calls.count)?()).map_err(|_| self.failed(CALL))
    }

    /// Makes `device` the current one of this thread.
    ///
    /// # Errors
    /// When there is no such device.
    pub fn set(&self, device: usize) -> Result<(), PluginError> {
        self.done("device/1 set", self.calls.set, |call| call(index(device)))
    }

    /// Waits until all work queued on `device` has ended.
    ///
    /// # Errors
    /// When work on the device failed.
    pub fn synchronise(&self, device: usize) -> Result<(), PluginError> {
        self.done("device/1 synchronise", self.calls.synchronise, |call| call(index(device)))
    }

    /// The memory of `device`.
    ///
    /// # Errors
    /// When the plugin does not offer it, or cannot tell.
    pub fn memory(&self, device: usize) -> Result<Memory, PluginError> {
        let mut memory = Memory::default();
        self.done("device/1 memory", self.calls.memory, |call| call(index(device), &raw mut memory)).map(|()| memory)
    }

    /// Resets the peak of `device`'s memory to the bytes in use.
    ///
    /// # Errors
    /// When the plugin does not offer it, or fails.
    pub fn reset_peak(&self, device: usize) -> Result<(), PluginError> {
        self.done("device/1 reset_peak", self.calls.reset_peak, |call| call(index(device)))
    }

    /// Seeds the generator of `device`.
    ///
    /// # Errors
    /// When there is no such device.
    pub fn seed(&self, device: usize, seed: u64) -> Result<(), PluginError> {
        self.done("device/1 seed", self.calls.seed, |call| call(index(device), seed))
    }

    /// A timing event of `device`.
    ///
    /// # Errors
    /// When the plugin does not offer events, or makes none.
    pub fn event(&self, device: usize) -> Result<Event<'_>, PluginError> {
        const CALL: &str = "device/1 event_make";
        let calls = &self.calls;
        // All or none, as the header says; a plugin with some of them does not offer events.
        let free = self.offered("device/1 events", calls.event_free)?;
        let [record, wait] = [calls.event_record, calls.event_wait].map(|call| self.offered("device/1 events", call));
        let elapsed = self.offered("device/1 events", calls.event_elapsed)?;
        let mut event = null_mut();
        self.done(CALL, calls.event_make, |call| call(index(device), &raw mut event))?;
        if event.is_null() {
            return Err(self.failed(CALL));
        }
        Ok(Event { of: self, event, record: record?, wait: wait?, elapsed, free })
    }

    fn offered<Call>(&self, what: &'static str, call: Option<Call>) -> Result<Call, PluginError> {
        call.ok_or_else(|| PluginError::Absent { path: self.path.clone(), what })
    }

    fn done<Call>(
        &self,
        what: &'static str,
        call: Option<Call>,
        ask: impl FnOnce(Call) -> bool,
    ) -> Result<(), PluginError> {
        if ask(self.offered(what, call)?) { Ok(()) } else { Err(self.failed(what)) }
    }

    fn failed(&self, call: &'static str) -> PluginError {
        PluginError::Failed { path: self.path.clone(), call, message: said(self.error) }
    }
}

impl fmt::Debug for DeviceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceType").field("path", &self.path).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A point in the stream of work of a device.
pub struct Event<'a> {
    of: &'a DeviceType,
    event: *mut c_void,
    record: extern "C" fn(*mut c_void) -> bool,
    wait: extern "C" fn(*mut c_void) -> bool,
    elapsed: extern "C" fn(*mut c_void, *mut c_void, *mut f64) -> bool,
    free: extern "C" fn(*mut c_void),
}

impl Event<'_> {
    /// Records the event behind all work queued on the current stream of its device.
    ///
    /// # Errors
    /// When the plugin fails.
    pub fn record(&self) -> Result<(), PluginError> {
        self.ended("device/1 event_record", (self.record)(self.event))
    }

    /// Waits until the device has reached the event.
    ///
    /// # Errors
    /// When the plugin fails.
    pub fn wait(&self) -> Result<(), PluginError> {
        self.ended("device/1 event_wait", (self.wait)(self.event))
    }

    /// The milliseconds from `begin` to this event, both recorded and waited for.
    ///
    /// # Errors
    /// When the plugin fails.
    pub fn milliseconds_since(&self, begin: &Event<'_>) -> Result<f64, PluginError> {
        let mut milliseconds = 0.0;
        let done = (self.elapsed)(begin.event, self.event, &raw mut milliseconds);
        self.ended("device/1 event_elapsed", done).map(|()| milliseconds)
    }

    fn ended(&self, call: &'static str, done: bool) -> Result<(), PluginError> {
        if done { Ok(()) } else { Err(self.of.failed(call)) }
    }
}

impl Drop for Event<'_> {
    fn drop(&mut self) {
        (self.free)(self.event);
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("of", &self.of).finish_non_exhaustive()
    }
}

/// An index as C has it. One that is too large belongs to no device, and the plugin says so.
fn index(device: usize) -> c_int {
    c_int::try_from(device).unwrap_or(c_int::MAX)
}
