//! Plugins: shared libraries that lend the harness what libtorch lacks for a device (`model/plugins/include/dinov3_plugin.h`).
//!
//! The loader is in this crate because a plugin and the harness exchange objects of libtorch: a store, a backend, a device. No other crate
//! holds `unsafe` code about plugins.

mod collectives;
mod device_type;
mod error;
mod lent;
mod table;

use std::ffi::{CStr, CString, c_char, c_void};
use std::fmt;
use std::path::{Path, PathBuf};

pub use collectives::Collectives;
pub use device_type::{DeviceType, Event, Memory};
pub use error::PluginError;
pub use lent::{Counters, Lent, lent};
use table::{Doctor, Grows, Header};

use crate::shim::{cxx_abi, torch_version};

/// `DINOV3_PLUGIN_ABI`.
const ABI: u32 = 2;

/// A plugin, loaded for as long as the process lives.
pub struct Plugin {
    path: PathBuf,
    get: extern "C" fn(*const c_char) -> *const c_void,
}

/// A thing that this machine lacks for a plugin's device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What is missing.
    pub what: String,
    /// How to get it.
    pub remedy: String,
}

impl Plugin {
    /// Loads the library at `path`, which stays for as long as the process lives.
    ///
    /// # Errors
    /// If it cannot be loaded, is no plugin, has a table that is too short or has gaps, or was compiled for another harness, another libtorch
    /// or another C++ library.
    pub fn load(path: &Path) -> Result<&'static Self, PluginError> {
        let path = path.to_owned();
        // SAFETY: a plugin's initialisers are made to run at load time; the user has named the file.
        let library = unsafe { libloading::Library::new(&path) };
        let library = match library {
            Ok(library) => library,
            Err(error) => {
                let message = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                return Err(PluginError::Load { path, message });
            }
        };
        // SAFETY: the symbol has this type in every version of the interface.
        let entry = unsafe { library.get::<extern "C" fn() -> *const c_void>(b"dinov3_plugin\0") };
        let Ok(entry) = entry.map(|entry| *entry) else { return Err(PluginError::NoPlugin { path }) };
        let table = entry();
        if table.is_null() {
            return Err(PluginError::NoPlugin { path });
        }
        // Its code and its table stay.
        std::mem::forget(library);
        Self::of(path, table)
    }

    /// The plugin of a table that is not NULL.
    fn of(path: PathBuf, table: *const c_void) -> Result<&'static Self, PluginError> {
        // SAFETY: every version of the table begins with its number.
        let theirs = unsafe { *table.cast::<u32>() };
        if theirs != ABI {
            return Err(PluginError::Abi { path, theirs, ours: ABI });
        }
        // SAFETY: the table is one of these rules.
        let table = unsafe { table::read::<Header>(&path, table) }?;
        let (theirs, ours) = (text(table.torch), torch_version());
        if theirs != ours {
            return Err(PluginError::Torch { path, theirs, ours });
        }
        let (theirs, ours) = (text(table.cxx_abi), cxx_abi());
        if theirs != ours {
            return Err(PluginError::CxxAbi { path, theirs, ours });
        }
        let get =
            table.get.ok_or_else(|| PluginError::Gap { path: path.clone(), table: Header::NAME, member: "get" })?;
        Ok(Box::leak(Box::new(Self { path, get })))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the plugin answers to this name of a capability.
    pub fn offers(&self, capability: &str) -> bool {
        CString::new(capability).is_ok_and(|name| !(self.get)(name.as_ptr()).is_null())
    }

    /// `c10d/1`: the backend that the plugin lends.
    ///
    /// # Errors
    /// If the plugin lends none, or its table is too short or has gaps.
    pub fn collectives(&'static self) -> Result<&'static Collectives, PluginError> {
        Ok(Box::leak(Box::new(Collectives::of(self, self.read()?)?)))
    }

    /// `device/1`: the type of device that the plugin tells libtorch about.
    ///
    /// # Errors
    /// If the plugin has none, or its table is too short or has gaps.
    pub fn device_type(&self) -> Result<DeviceType, PluginError> {
        DeviceType::of(self.path.clone(), self.read()?)
    }

    /// `doctor/1`: the things that this machine lacks for the plugin's device; empty if it lacks nothing.
    ///
    /// # Errors
    /// If the plugin cannot tell, or its table is too short or has gaps.
    pub fn missing(&self) -> Result<Vec<Missing>, PluginError> {
        extern "C" fn each(context: *mut c_void, what: *const c_char, remedy: *const c_char) {
            // SAFETY: `context` is the list below, which nothing else touches during the call.
            let all = unsafe { &mut *context.cast::<Vec<Missing>>() };
            all.push(Missing { what: text(what), remedy: text(remedy) });
        }
        let examine = self.read::<Doctor>()?.examine.ok_or_else(|| self.gap::<Doctor>("examine"))?;
        let mut all: Vec<Missing> = Vec::new();
        examine((&raw mut all).cast(), each);
        Ok(all)
    }

    fn read<T: Grows>(&self) -> Result<T, PluginError> {
        let name = CString::new(T::NAME).expect("no capability has a NUL in its name");
        let table = (self.get)(name.as_ptr());
        if table.is_null() {
            return Err(PluginError::Absent { path: self.path.clone(), what: T::NAME });
        }
        // SAFETY: a plugin gives the table of a capability under the capability's name.
        unsafe { table::read(&self.path, table) }
    }

    fn gap<T: Grows>(&self, member: &'static str) -> PluginError {
        PluginError::Gap { path: self.path.clone(), table: T::NAME, member }
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A text of a plugin; NULL is the empty text.
fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not NULL; a plugin's texts end in NUL and live at least until this thread calls the plugin again.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The text of the plugin's `error` after a failed call.
fn said(error: extern "C" fn() -> *const c_char) -> String {
    Some(text(error())).filter(|said| !said.is_empty()).unwrap_or_else(|| "its plugin does not say why".to_owned())
}

#[cfg(test)]
mod tests;
