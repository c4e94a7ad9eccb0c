//! `c10d/1`: a backend of c10d that a plugin lends.

use std::ffi::{CStr, c_char};
use std::fmt;

use tch::Kind;

use super::table::{C10d, Grows};
use super::{Plugin, PluginError, said, text};
use crate::c10d::{Links, MakeBackend, Seat, Trouble};

/// The backend of c10d that a plugin lends.
pub struct Collectives {
    plugin: &'static Plugin,
    backend: String,
    device: String,
    premul_sum: bool,
    make_backend: MakeBackend,
    error: extern "C" fn() -> *const c_char,
    reduces: Option<extern "C" fn(*const c_char) -> bool>,
}

/// The names of dtypes that plugins are asked about.
const DTYPES: [(Kind, &CStr); 9] = [
    (Kind::Double, c"float64"),
    (Kind::Float, c"float32"),
    (Kind::Half, c"float16"),
    (Kind::BFloat16, c"bfloat16"),
    (Kind::Int64, c"int64"),
    (Kind::Int, c"int32"),
    (Kind::Int8, c"int8"),
    (Kind::Uint8, c"uint8"),
    (Kind::Bool, c"bool"),
];

impl Collectives {
    pub(super) fn of(plugin: &'static Plugin, table: C10d) -> Result<Self, PluginError> {
        let gap = |member| PluginError::Gap { path: plugin.path.clone(), table: C10d::NAME, member };
        let named = |member, given| Some(text(given)).filter(|it| !it.is_empty()).ok_or_else(|| gap(member));
        Ok(Self {
            plugin,
            backend: named("backend", table.backend)?,
            device: named("device", table.device)?,
            premul_sum: table.premul_sum != 0,
            make_backend: table.make_backend.ok_or_else(|| gap("make_backend"))?,
            error: table.error.ok_or_else(|| gap("error"))?,
            reduces: table.reduces,
        })
    }

    /// The backend's name.
    pub fn backend(&self) -> &str {
        &self.backend
    }

    /// The type of device that its tensors are on, such as `npu`; `cpu` for the host's memory.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Whether the backend says that it multiplies by PREMUL_SUM's factor itself.
    pub fn has_premul_sum(&self) -> bool {
        self.premul_sum
    }

    /// Whether the backend reduces tensors of this dtype, as its plugin says. A plugin that says nothing of dtypes reduces all of them.
    pub fn reduces(&self, kind: Kind) -> bool {
        let named = DTYPES.iter().find(|(known, _)| *known == kind);
        self.reduces.zip(named).is_none_or(|(reduces, (_, name))| reduces(name.as_ptr()))
    }

    /// The number of devices of this machine; `None` if tensors are in the host's memory, which serves any number of ranks.
    ///
    /// # Errors
    /// If the plugin cannot tell.
    pub fn devices(&self) -> Result<Option<usize>, PluginError> {
        if self.device == "cpu" { Ok(None) } else { self.plugin.device_type()?.count().map(Some) }
    }

    /// Makes the backend of one rank, for the tensors of the device of this index.
    ///
    /// # Errors
    /// If the plugin makes none; the message is the plugin's.
    pub fn connect(&self, seat: Seat<'_>, device: usize) -> Result<Links, Trouble> {
        Links::plugin(seat, device, self.make_backend, || said(self.error))
    }
}

impl fmt::Debug for Collectives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collectives")
            .field("plugin", &self.plugin)
            .field("backend", &self.backend)
            .finish_non_exhaustive()
    }
}
