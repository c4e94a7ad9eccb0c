//! The tables of `dinov3_plugin.h` in Rust, and how to read the table of a plugin that is older or newer than this build.

use std::ffi::{c_char, c_int, c_void};
use std::mem::{MaybeUninit, offset_of};
use std::path::Path;

use super::error::PluginError;
use crate::c10d::MakeBackend;

/// A table that begins with its size, or has it as its second member.
///
/// # Safety
/// The type is `repr(C)` and laid out as the header says; all its members are integers, pointers and optional functions, of which all-zero
/// bytes are a value.
pub(super) unsafe trait Grows: Copy {
    /// The name of the capability; of the plugin's own table, what errors call it.
    const NAME: &'static str;
    /// Where the size is.
    const SIZE_AT: usize = 0;
    /// The size of the first version: a table with less of it has members missing that are always there.
    const LEAST: usize;
}

/// Reads what both the plugin and this build know of a table; a member that the plugin does not have is NULL.
///
/// # Safety
/// `table` points to a table of this type, of the size that it says.
///
/// # Errors
/// When the table ends before the last member of its first version.
pub(super) unsafe fn read<T: Grows>(path: &Path, table: *const c_void) -> Result<T, PluginError> {
    let bytes = table.cast::<u8>();
    // SAFETY: the size is a member of every version.
    let size = unsafe { bytes.add(T::SIZE_AT).cast::<u32>().read_unaligned() } as usize;
    if size < T::LEAST {
        return Err(PluginError::Short { path: path.to_owned(), table: T::NAME, theirs: size, least: T::LEAST });
    }
    let mut known = MaybeUninit::<T>::zeroed();
    // SAFETY: no byte beyond either size; all-zero bytes, and whatever a plugin has in place of them, are values of each member.
    unsafe {
        known.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(bytes, size.min(size_of::<T>()));
        Ok(known.assume_init())
    }
}

/// `dinov3_plugin_table`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Header {
    pub(super) abi: u32,
    pub(super) size: u32,
    pub(super) torch: *const c_char,
    pub(super) cxx_abi: *const c_char,
    pub(super) get: Option<extern "C" fn(*const c_char) -> *const c_void>,
}

// SAFETY: as the header has it.
unsafe impl Grows for Header {
    const NAME: &'static str = "the table";
    const SIZE_AT: usize = offset_of!(Self, size);
    const LEAST: usize = offset_of!(Self, get) + size_of::<usize>();
}

/// `dinov3_c10d_1`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct C10d {
    pub(super) size: u32,
    /// A `bool` of C, which is not trusted to be 0 or 1.
    pub(super) premul_sum: u8,
    pub(super) backend: *const c_char,
    pub(super) device: *const c_char,
    pub(super) make_backend: Option<MakeBackend>,
    pub(super) error: Option<extern "C" fn() -> *const c_char>,
    pub(super) reduces: Option<extern "C" fn(*const c_char) -> bool>,
}

// SAFETY: as the header has it.
unsafe impl Grows for C10d {
    const NAME: &'static str = "c10d/1";
    const LEAST: usize = offset_of!(Self, error) + size_of::<usize>();
}

/// `dinov3_device_1`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Device {
    pub(super) size: u32,
    pub(super) kind: *const c_char,
    pub(super) register_device: Option<extern "C" fn() -> bool>,
    pub(super) count: Option<extern "C" fn() -> c_int>,
    pub(super) set: Option<extern "C" fn(c_int) -> bool>,
    pub(super) synchronise: Option<extern "C" fn(c_int) -> bool>,
    pub(super) memory: Option<extern "C" fn(c_int, *mut super::Memory) -> bool>,
    pub(super) reset_peak: Option<extern "C" fn(c_int) -> bool>,
    pub(super) seed: Option<extern "C" fn(c_int, u64) -> bool>,
    pub(super) event_make: Option<extern "C" fn(c_int, *mut *mut c_void) -> bool>,
    pub(super) event_record: Option<extern "C" fn(*mut c_void) -> bool>,
    pub(super) event_wait: Option<extern "C" fn(*mut c_void) -> bool>,
    pub(super) event_elapsed: Option<extern "C" fn(*mut c_void, *mut c_void, *mut f64) -> bool>,
    pub(super) event_free: Option<extern "C" fn(*mut c_void)>,
    pub(super) error: Option<extern "C" fn() -> *const c_char>,
}

// SAFETY: as the header has it.
unsafe impl Grows for Device {
    const NAME: &'static str = "device/1";
    const LEAST: usize = offset_of!(Self, error) + size_of::<usize>();
}

/// `dinov3_counters_1`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Counters {
    pub(super) size: u32,
    pub(super) read: Option<extern "C" fn(*mut c_void, extern "C" fn(*mut c_void, *const c_char, u64))>,
    pub(super) reset: Option<extern "C" fn()>,
}

// SAFETY: as the header has it.
unsafe impl Grows for Counters {
    const NAME: &'static str = "counters/1";
    const LEAST: usize = offset_of!(Self, reset) + size_of::<usize>();
}

/// What `examine` calls for each thing that is missing: what is missing, and how to get it.
pub(super) type Each = extern "C" fn(*mut c_void, *const c_char, *const c_char);

/// `dinov3_doctor_1`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Doctor {
    pub(super) size: u32,
    pub(super) examine: Option<extern "C" fn(*mut c_void, Each)>,
}

// SAFETY: as the header has it.
unsafe impl Grows for Doctor {
    const NAME: &'static str = "doctor/1";
    const LEAST: usize = offset_of!(Self, examine) + size_of::<usize>();
}
