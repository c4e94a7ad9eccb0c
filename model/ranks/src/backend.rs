//! Backends, which carry the collectives of a group: Gloo, NCCL, or a plugin's.

use std::fmt;
use std::path::Path;

use dinov3_torch::c10d::{Links, Seat, Trouble, nccl_missing};
use dinov3_torch::device::Device;
use dinov3_torch::plugin::{self, Collectives, Plugin};
use tch::Kind;

use super::error::Failure;
use super::ops::PremulSum;

/// A backend carries the collectives of a group, for tensors of one device (`torch.distributed.Backend`).
#[derive(Clone, Copy, Debug, Default)]
pub enum Backend {
    /// Gloo over TCP, for tensors in the host's memory.
    #[default]
    Gloo,
    /// NCCL, for tensors of a CUDA device.
    Nccl {
        /// The device's index on this machine.
        device: usize,
    },
    /// The backend of a plugin, for tensors of the plugin's device.
    Plugin {
        /// The plugin's collectives.
        plugin: &'static Collectives,
        /// The device's index on this machine.
        device: usize,
    },
}

impl Backend {
    /// The name, or the path of the plugin, of the backend that exchanges tensors of `device`. A kind of device that no plugin has lent is
    /// its own name, which [`Backend::named`] refuses.
    pub fn name_for(device: Device) -> &'static str {
        match device {
            Device::Cpu => "gloo",
            Device::Cuda(_) => "nccl",
            other => plugin::lent(other.kind()).and_then(|lent| lent.path().to_str()).unwrap_or(other.kind()),
        }
    }

    /// The backend of a name, or of the plugin at a path, for the device of an index.
    ///
    /// # Errors
    /// If this build or this machine has no such backend.
    pub fn named(name: &str, device: usize) -> Result<Self, Failure> {
        let unknown = |why: &str| Err(Failure::NoBackend { name: name.to_owned(), why: why.to_owned() });
        match name {
            "gloo" => Ok(Self::Gloo),
            "nccl" => match nccl_missing() {
                None => Ok(Self::Nccl { device }),
                Some(why) => unknown(&format!("is not in this build: {why}")),
            },
            "hccl" => unknown("comes with a plugin, whose path names it"),
            path if path.contains('/') || path.contains(".so") => {
                let loaded = Plugin::load(Path::new(path))?;
                let plugin = loaded.collectives()?;
                if plugin.device() != "cpu" {
                    loaded.lend()?.device_type().set(device)?;
                }
                Ok(Self::Plugin { plugin, device })
            }
            _ => unknown("is not known"),
        }
    }

    /// The device whose tensors the backend exchanges.
    pub fn device(&self) -> Device {
        match self {
            Self::Gloo => Device::Cpu,
            Self::Nccl { device } => Device::Cuda(*device),
            Self::Plugin { plugin, device } => Device::named(plugin.device(), *device),
        }
    }

    /// The default for PREMUL_SUM: native if the backend implements it.
    pub fn premul_sum(&self) -> PremulSum {
        let native = match self {
            Self::Gloo => false,
            Self::Nccl { .. } => true,
            Self::Plugin { plugin, .. } => plugin.has_premul_sum(),
        };
        if native { PremulSum::Native } else { PremulSum::Emulated }
    }

    /// Checks that the backend can give PREMUL_SUM in this way.
    ///
    /// # Errors
    /// If the backend has to multiply and does not.
    pub fn offers(&self, how: PremulSum) -> Result<(), Failure> {
        if how != PremulSum::Native || self.premul_sum() == PremulSum::Native {
            return Ok(());
        }
        let message = match self {
            Self::Gloo => {
                "gloo has no PREMUL_SUM: it raises in all_reduce and ignores the factor in reduce_scatter".to_owned()
            }
            other => format!("{other} has no PREMUL_SUM, as its plugin says"),
        };
        Err(Failure::Backend { message })
    }

    /// Whether the backend reduces tensors of this dtype. It exchanges them in any case.
    pub(super) fn reduces(&self, kind: Kind) -> bool {
        match self {
            Self::Gloo | Self::Nccl { .. } => true,
            Self::Plugin { plugin, .. } => plugin.reduces(kind),
        }
    }

    /// Whether the backend is Gloo. Its collectives are composed differently here than in c10d.
    pub(super) fn is_gloo(&self) -> bool {
        matches!(self, Self::Gloo)
    }

    /// Connects the ranks; `address` belongs to this machine.
    pub(super) fn connect(&self, seat: Seat<'_>, address: &str) -> Result<Links, Trouble> {
        match self {
            Self::Gloo => Links::gloo(seat, address),
            Self::Nccl { device } => Links::nccl(seat, *device),
            Self::Plugin { plugin, device } => plugin.connect(seat, *device),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gloo => "gloo",
            Self::Nccl { .. } => "nccl",
            Self::Plugin { plugin, .. } => plugin.backend(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_that_are_not_there_are_refused_by_name() {
        let refused = |name: &str| Backend::named(name, 0).unwrap_err().to_string();
        assert!(matches!(Backend::named("gloo", 3), Ok(Backend::Gloo)));
        for name in ["hccl", "mpi"] {
            assert!(refused(name).starts_with(&format!("backend `{name}` ")), "{}", refused(name));
        }
        assert!(refused("./nowhere.so").starts_with("the plugin ./nowhere.so cannot be loaded: "));
    }

    #[test]
    fn nccl_is_here_or_it_is_said_why_not() {
        match (Backend::named("nccl", 1), nccl_missing()) {
            (Ok(nccl), None) => {
                assert_eq!((nccl.device(), nccl.premul_sum()), (Device::Cuda(1), PremulSum::Native))
            }
            (Err(refused), Some(why)) => {
                assert_eq!(refused.to_string(), format!("backend `nccl` is not in this build: {why}"));
            }
            (named, missing) => panic!("{named:?}, and {missing:?}"),
        }
    }

    #[test]
    fn gloo_multiplies_by_nothing() {
        assert!(Backend::Gloo.offers(PremulSum::Emulated).is_ok());
        assert!(Backend::Gloo.offers(PremulSum::SumAtOne).is_ok());
        let refused = Backend::Gloo.offers(PremulSum::Native).unwrap_err().to_string();
        assert!(refused.starts_with("gloo has no PREMUL_SUM"), "{refused}");
    }
}
