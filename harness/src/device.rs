//! `--device`.

use dinov3_ground::AnyError;
use dinov3_torch::device::{Device, cuda_devices};

use crate::failure::{EnvironmentFailure, Result, refusal};

/// The device that `text` names, if this build can compute on it. `own` is the index for a text without one.
///
/// # Errors
/// If the name is unknown (usage), or this machine lacks the device (environment).
pub fn parse(text: &str, own: usize) -> Result<Device> {
    let whole = if text == "cpu" || text.contains(':') { text.to_owned() } else { format!("{text}:{own}") };
    match whole.parse().map_err(|_| no_device(text))? {
        Device::Cpu => Ok(Device::Cpu),
        Device::Cuda(index) => cuda(index),
        Device::Plugin { kind, .. } if kind.name() == "npu" => Err(EnvironmentFailure::new(
            "this build has no plugin for NPUs",
            "record the Python reference on the device and judge it with `--candidate DIR` (golden/README.md)",
        )
        .into()),
        Device::Plugin { .. } | Device::Other(_) => Err(no_device(text)),
    }
}

fn no_device(text: &str) -> AnyError {
    refusal(format!("`{text}` is not a device"), "use cpu, cuda, cuda:N, npu or npu:N")
}

fn cuda(index: usize) -> Result<Device> {
    dinov3_torch::runtime::load_cuda().map_err(|error| {
        EnvironmentFailure::new(
            format!("libtorch's CUDA library cannot be loaded: {error}"),
            "check the driver with nvidia-smi",
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
    Err(EnvironmentFailure::new(what, hint).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_devices_are_devices() {
        assert_eq!(parse("cpu", 0).unwrap(), Device::Cpu);
        for nonsense in ["gpu", "cpu:0", "cuda:x", "", "meta", "mps"] {
            let error = parse(nonsense, 0).unwrap_err();
            assert!(!error.is::<EnvironmentFailure>(), "{nonsense}: {error}");
        }
    }

    #[test]
    fn a_device_that_is_missing_is_the_environments_fault() {
        assert!(parse("npu:0", 0).unwrap_err().is::<EnvironmentFailure>());
        assert!(parse("cuda:4096", 0).unwrap_err().is::<EnvironmentFailure>());
        // A rank's own, which is none of those that there are.
        assert!(parse("cuda", 4096).unwrap_err().is::<EnvironmentFailure>());
    }
}
