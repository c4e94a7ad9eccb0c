//! Plugins: shared libraries that lend a backend of c10d for a device that libtorch itself has none for (`model/torch/shim/dinov3_plugin.h`).

use std::ffi::{CStr, c_char, c_int};
use std::fmt;
use std::path::{Path, PathBuf};

use dinov3_ground::{Hint, Hints};
use thiserror::Error;

use dinov3_torch::c10d::{Links, MakeBackend, Seat, Trouble};
use dinov3_torch::shim::torch_version;

/// `DINOV3_PLUGIN_ABI`.
const ABI: u32 = 1;

/// `dinov3_plugin_table`.
#[repr(C)]
struct Table {
    abi: u32,
    torch: *const c_char,
    backend: *const c_char,
    device: *const c_char,
    premul_sum: bool,
    devices: Option<extern "C" fn() -> c_int>,
    make_backend: Option<MakeBackend>,
    error: Option<extern "C" fn() -> *const c_char>,
}

/// A plugin, loaded for as long as the process lives.
pub struct Plugin {
    path: PathBuf,
    backend: String,
    device: String,
    premul_sum: bool,
    calls: Calls,
}

/// What a plugin is asked.
#[derive(Clone, Copy)]
struct Calls {
    devices: extern "C" fn() -> c_int,
    make_backend: MakeBackend,
    error: extern "C" fn() -> *const c_char,
}

/// Why a file is no plugin that this build can use.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PluginError {
    /// The loader refuses it.
    #[error("the plugin {} cannot be loaded: {message}", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What the loader said.
        message: String,
    },
    /// It is some other library.
    #[error("{} is no plugin: it has no `dinov3_plugin`", path.display())]
    NoPlugin {
        /// The file.
        path: PathBuf,
    },
    /// Its table lacks something.
    #[error("the plugin {} has a table with gaps", path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
    },
    /// It was made for another harness.
    #[error("the plugin {} has version {theirs} of the interface, and this build has {ABI}", path.display())]
    Abi {
        /// The file.
        path: PathBuf,
        /// Its version.
        theirs: u32,
    },
    /// It was made for another libtorch.
    #[error("the plugin {} was compiled for libtorch {theirs}, and this build for {ours}", path.display())]
    Torch {
        /// The file.
        path: PathBuf,
        /// Its libtorch.
        theirs: String,
        /// That of this build.
        ours: String,
    },
    /// It does not know how many devices there are.
    #[error("the plugin {} finds no devices: {message}", path.display())]
    Devices {
        /// The file.
        path: PathBuf,
        /// What it said.
        message: String,
    },
}

impl Hint for PluginError {
    fn hints(&self) -> Hints {
        let hint: &'static str = match self {
            Self::Load { .. } => "see that the file is there, and what it needs: `ldd` lists that",
            Self::NoPlugin { .. } | Self::Incomplete { .. } => "give a library that was made with dinov3_plugin.h",
            Self::Abi { .. } | Self::Torch { .. } => {
                "compile the plugin again, with this build's dinov3_plugin.h and libtorch"
            }
            Self::Devices { .. } => "see that the device's driver is there and that this process may use it",
        };
        hint.into()
    }
}

impl Plugin {
    /// Loads the library at `path`, which stays for as long as the process lives.
    ///
    /// # Errors
    /// When it cannot be loaded, is no plugin, or was made for another harness or libtorch.
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
        let entry = unsafe { library.get::<extern "C" fn() -> *const Table>(b"dinov3_plugin\0") };
        let Ok(entry) = entry.map(|entry| *entry) else { return Err(PluginError::NoPlugin { path }) };
        let table = entry();
        if table.is_null() {
            return Err(PluginError::NoPlugin { path });
        }
        // Its code and its table stay.
        std::mem::forget(library);
        // SAFETY: every version of the table begins with its number.
        let theirs = unsafe { (*table).abi };
        if theirs != ABI {
            return Err(PluginError::Abi { path, theirs });
        }
        // SAFETY: a table of this version, which lives as long as the process.
        let table: &'static Table = unsafe { &*table };
        let text = |text: *const c_char| match text.is_null() {
            true => String::new(),
            // SAFETY: its texts live as long.
            false => unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned(),
        };
        let (theirs, ours) = (text(table.torch), torch_version());
        if theirs != ours {
            return Err(PluginError::Torch { path, theirs, ours });
        }
        let (Some(devices), Some(make_backend), Some(error)) = (table.devices, table.make_backend, table.error) else {
            return Err(PluginError::Incomplete { path });
        };
        let (backend, device) = (text(table.backend), text(table.device));
        if backend.is_empty() || device.is_empty() {
            return Err(PluginError::Incomplete { path });
        }
        let calls = Calls { devices, make_backend, error };
        Ok(Box::leak(Box::new(Self { path, backend, device, premul_sum: table.premul_sum, calls })))
    }

    /// The backend's name.
    pub fn backend(&self) -> &str {
        &self.backend
    }

    /// The type of device that its tensors are on, such as `npu`; `cpu` for the host's memory.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Whether the backend multiplies by PREMUL_SUM's factor itself, as it says.
    pub fn has_premul_sum(&self) -> bool {
        self.premul_sum
    }

    /// How many devices this machine has; none where tensors are in the host's memory, which is there for any number of ranks.
    ///
    /// # Errors
    /// When the plugin cannot tell.
    pub fn devices(&self) -> Result<Option<usize>, PluginError> {
        if self.device == "cpu" {
            return Ok(None);
        }
        match usize::try_from((self.calls.devices)()) {
            Ok(count) => Ok(Some(count)),
            Err(_) => Err(PluginError::Devices { path: self.path.clone(), message: self.said() }),
        }
    }

    /// Makes the backend of one rank, for the tensors of the device of this index.
    pub(super) fn connect(&self, seat: Seat<'_>, device: usize) -> Result<Links, Trouble> {
        Links::plugin(seat, device, self.calls.make_backend, || self.said())
    }

    fn said(&self) -> String {
        let text = (self.calls.error)();
        // SAFETY: null, or valid until this thread's next call, and copied here.
        let said = (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned());
        said.filter(|said| !said.is_empty()).unwrap_or_else(|| "its plugin does not say why".to_owned())
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("path", &self.path).field("backend", &self.backend).finish_non_exhaustive()
    }
}
