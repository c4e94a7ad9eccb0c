//! `--device`.

use std::path::Path;

use dinov3_doctor::Family;
use dinov3_ground::{AnyError, Hints};
use dinov3_torch::device::{Device, cuda_devices};
use dinov3_torch::plugin::{Plugin, PluginError};

use crate::commands::doctor::first_fault;
use crate::failure::{EnvironmentFailure, Result, refusal};

/// The device that `text` names, if this build can compute on it, or the plugin of this file can. `own` is the index for a text without one.
///
/// # Errors
/// If the name is unknown (usage), or this machine lacks the device (environment).
pub fn parse(text: &str, own: usize, plugin: Option<&Path>) -> Result<Device> {
    let whole = if text == "cpu" || text.contains(':') { text.to_owned() } else { format!("{text}:{own}") };
    match (whole.parse().map_err(|_| no_device(text))?, plugin) {
        (Device::Cpu | Device::Cuda(_), Some(_)) => Err(refusal(
            format!("`--plugin` lends a device, and `{text}` needs no plugin"),
            "name the plugin's device, such as `--device npu`",
        )),
        (Device::Cpu, None) => Ok(Device::Cpu),
        (Device::Cuda(index), None) => cuda(index),
        (Device::Plugin { kind, index }, Some(plugin)) => lent(kind.name(), index, plugin),
        (Device::Plugin { kind, .. }, None) if kind.name() == "npu" => Err(EnvironmentFailure::new(
            "this build has no plugin for NPUs",
            Hints::from(
                "name one with `--plugin FILE` (model/plugins/README.md), or record the Python reference on the device and judge it with \
                 `--candidate DIR` (golden/README.md)",
            )
            .and(fault(Family::Npu)),
        )
        .into()),
        (Device::Plugin { .. } | Device::Other(_), _) => Err(no_device(text)),
    }
}

fn no_device(text: &str) -> AnyError {
    refusal(format!("`{text}` is not a device"), "use cpu, cuda, cuda:N, npu or npu:N")
}

/// The device of this index that the plugin lends, once nothing is missing for it.
fn lent(kind: &str, index: usize, plugin: &Path) -> Result<Device> {
    let plugin = Plugin::load(plugin)?;
    match plugin.missing() {
        // The first is why the others are missing.
        Ok(missing) => {
            if let Some(first) = missing.into_iter().next() {
                return Err(EnvironmentFailure::new(first.what, first.remedy).into());
            }
        }
        Err(PluginError::Absent { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let own = plugin.device_type()?.kind().to_owned();
    if own != kind {
        return Err(refusal(format!("the plugin lends `{own}`, not `{kind}`"), format!("use `--device {own}`")));
    }
    let devices = plugin.lend()?.device_type();
    let count = devices.count()?;
    if index >= count {
        let what = format!("there is no {kind}:{index}; the plugin has {count}");
        return Err(EnvironmentFailure::new(what, "give the number of one that is there").into());
    }
    devices.set(index)?;
    Ok(Device::named(kind, index))
}

/// What explains that the device is not here, if `doctor` knows it.
fn fault(device: Family) -> Hints {
    first_fault(device).map_or_else(Hints::none, Hints::from)
}

fn cuda(index: usize) -> Result<Device> {
    dinov3_torch::runtime::load_cuda().map_err(|error| {
        EnvironmentFailure::new(
            format!("libtorch's CUDA library cannot be loaded: {error}"),
            Hints::from("check the driver with nvidia-smi").and(fault(Family::Cuda)),
        )
    })?;
    let count = cuda_devices();
    if index < count {
        return Ok(Device::Cuda(index));
    }
    let what = match count {
        0 => "libtorch sees no CUDA device".to_owned(),
        _ => format!("there is no cuda:{index}; libtorch sees {count}"),
    };
    let hint = "with a CUDA PyTorch 2.8 installed, set DINOV3_LIBTORCH to its `torch` folder and build again";
    Err(EnvironmentFailure::new(what, Hints::from(hint).and(fault(Family::Cuda))).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_devices_are_devices() {
        assert_eq!(parse("cpu", 0, None).unwrap(), Device::Cpu);
        for nonsense in ["gpu", "cpu:0", "cuda:x", "", "meta", "mps"] {
            let error = parse(nonsense, 0, None).unwrap_err();
            assert!(!error.is::<EnvironmentFailure>(), "{nonsense}: {error}");
        }
    }

    #[test]
    fn a_device_that_is_missing_is_the_environments_fault() {
        assert!(parse("npu:0", 0, None).unwrap_err().is::<EnvironmentFailure>());
        assert!(parse("cuda:4096", 0, None).unwrap_err().is::<EnvironmentFailure>());
        // A rank's own, which is none of those that there are.
        assert!(parse("cuda", 4096, None).unwrap_err().is::<EnvironmentFailure>());
    }
}
