//! Errors of plugins.

use std::path::PathBuf;

use dinov3_ground::{Hint, Hints};
use thiserror::Error;

/// The reason why a plugin cannot be used, or why a call of it failed.
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
    /// It was made for another harness.
    #[error("the plugin {} has version {theirs} of the interface, and this build has {ours}", path.display())]
    Abi {
        /// The file.
        path: PathBuf,
        /// Its version.
        theirs: u32,
        /// That of this build.
        ours: u32,
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
    /// Its `std::string` is another one.
    #[error("the plugin {} was compiled for the C++ library `{theirs}`, and this build for `{ours}`", path.display())]
    CxxAbi {
        /// The file.
        path: PathBuf,
        /// Its C++ library.
        theirs: String,
        /// That of this build.
        ours: String,
    },
    /// A table ends before the last member of its first version.
    #[error("the plugin {}: {table} has {theirs} bytes, and its first version has {least}", path.display())]
    Short {
        /// The file.
        path: PathBuf,
        /// The capability.
        table: &'static str,
        /// The size that the plugin says.
        theirs: usize,
        /// The size of the first version.
        least: usize,
    },
    /// A member that is always there is NULL or an empty text.
    #[error("the plugin {}: {table} has no `{member}`", path.display())]
    Gap {
        /// The file.
        path: PathBuf,
        /// The capability.
        table: &'static str,
        /// The member.
        member: &'static str,
    },
    /// Another plugin has lent a type of device, and libtorch has room for one.
    #[error("the plugin {} cannot lend a device: {} has lent one to this process", path.display(), other.display())]
    Second {
        /// The file.
        path: PathBuf,
        /// The other plugin's file.
        other: PathBuf,
    },
    /// It has no such capability or call, as it says.
    #[error("the plugin {} does not offer {what}", path.display())]
    Absent {
        /// The file.
        path: PathBuf,
        /// The capability, or the call of one.
        what: &'static str,
    },
    /// A call failed.
    #[error("the plugin {}: {call} failed: {message}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// The capability and its member.
        call: &'static str,
        /// What the plugin said.
        message: String,
    },
}

impl Hint for PluginError {
    fn hints(&self) -> Hints {
        let hint: &'static str = match self {
            Self::Load { .. } => "see that the file is there, and what it needs: `ldd` lists that",
            Self::NoPlugin { .. } => "give a library that was made with dinov3_plugin.h",
            Self::Abi { .. } | Self::Torch { .. } | Self::CxxAbi { .. } => {
                "compile the plugin again, with this build's dinov3_plugin.h and libtorch"
            }
            Self::Short { .. } | Self::Gap { .. } => {
                "`dinov3-plugin-conformance` checks a plugin against dinov3_plugin.h"
            }
            Self::Second { .. } => "give the same plugin to `--plugin` and to `--backend`",
            Self::Absent { .. } => "use a plugin that offers it",
            Self::Failed { .. } => "see that the device's driver is there and that this process may use it",
        };
        hint.into()
    }
}
