//! Checks of `device/1`.

use dinov3_torch::device::{self, Device, HOST};
use dinov3_torch::plugin::{DeviceType, Plugin, PluginError};
use tch::{Kind, Tensor};

use super::lines::Lines;

/// The bytes of the tensor whose memory the checks look for.
const BYTES: i64 = 64 << 20;

/// Checks the plugin's type of device, if it has one.
pub(super) fn check(plugin: &Plugin, lines: &mut Lines) {
    let device = match plugin.device_type() {
        Ok(device) => device,
        Err(error) => return lines.error("device/1", &error),
    };
    lines.pass("device/1", &format!("the kind `{}`", device.kind()));
    if let Err(error) = device.register() {
        return lines.error("device/1 register_device", &error);
    }
    lines.pass("device/1 register_device", "");
    match device.count() {
        Ok(0) => lines.fail("device/1 count", "0: there is no device to check"),
        Ok(count) => {
            lines.pass("device/1 count", &count.to_string());
            first(&device, count, lines);
        }
        Err(error) => lines.error("device/1 count", &error),
    }
}

/// Checks the calls on the first of `count` devices.
fn first(device: &DeviceType, count: usize, lines: &mut Lines) {
    lines.check("device/1 set", set(device, count));
    lines.check("device/1 tensors", there_and_back(device));
    lines.check("device/1 synchronise", device.synchronise(0).map_err(text));
    offered(lines, "device/1 memory", memory(device));
    offered(lines, "device/1 reset_peak", reset_peak(device));
    lines.check("device/1 seed", seed(device));
    offered(lines, "device/1 events", events(device));
}

/// A problem that a check found: an error of the plugin, such as a missing call, or a wrong figure.
type Found = Result<Result<(), String>, PluginError>;

fn offered(lines: &mut Lines, check: &str, found: Found) {
    match found {
        Ok(result) => lines.check(check, result),
        Err(error) => lines.error(check, &error),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn right(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn set(device: &DeviceType, count: usize) -> Result<(), String> {
    device.set(0).map_err(text)?;
    right(device.set(count).is_err(), || format!("device {count} of {count} was made the current one"))
}

/// A tensor on the first device.
fn on(device: &DeviceType, tensor: &Tensor) -> Result<Tensor, String> {
    let first = Device::named(device.kind(), 0);
    let there = device::to(tensor, first).map_err(text)?;
    let found = Device::of(&there);
    right(found == first, || format!("a tensor that was brought to {first} is on {found}"))?;
    Ok(there)
}

/// Checks that values come back from the device unchanged, and that the device computes a sum.
fn there_and_back(device: &DeviceType) -> Result<(), String> {
    let values = Tensor::arange(1000, (Kind::Float, HOST));
    let there = on(device, &values)?;
    let back = device::to(&(&there + &there), Device::Cpu).map_err(text)?;
    right(back == &values * 2.0, || "values that were doubled on the device are others".to_owned())
}

fn memory(device: &DeviceType) -> Found {
    let before = device.memory(0)?;
    let tensor = match on(device, &Tensor::ones([BYTES / 4], (Kind::Float, HOST))) {
        Ok(tensor) => tensor,
        Err(why) => return Ok(Err(why)),
    };
    device.synchronise(0)?;
    let during = device.memory(0)?;
    drop(tensor);
    // The process may have freed other memory meanwhile.
    let grown = during.in_use.saturating_sub(before.in_use);
    Ok(right(grown >= BYTES as u64 / 2, || format!("a tensor of {BYTES} bytes took {grown}"))
        .and_then(|()| right(during.in_use <= during.peak, || format!("{during:?} has more in use than its peak")))
        .and_then(|()| right(during.peak <= during.total, || format!("{during:?} has a peak above its total"))))
}

fn reset_peak(device: &DeviceType) -> Found {
    device.reset_peak(0)?;
    let after = device.memory(0)?;
    Ok(right(after.peak >= after.in_use, || format!("{after:?} has more in use than its peak")))
}

/// Checks that the device draws the same values after the same seed, and others after another.
fn seed(device: &DeviceType) -> Result<(), String> {
    let drawn = |seed| {
        device.seed(0, seed).map_err(text)?;
        let mut values = on(device, &Tensor::zeros([64], (Kind::Float, HOST)))?;
        device::to(&values.uniform_(0.0, 1.0), Device::Cpu).map_err(text)
    };
    let [first, again, other] = [drawn(7)?, drawn(7)?, drawn(8)?];
    right(first == again, || "the same seed gave other values".to_owned())?;
    right(first != other, || "another seed gave the same values".to_owned())
}

fn events(device: &DeviceType) -> Found {
    let [begin, end] = [device.event(0)?, device.event(0)?];
    begin.record()?;
    let work = on(device, &Tensor::ones([1 << 20], (Kind::Float, HOST)));
    end.record()?;
    end.wait()?;
    let took = end.milliseconds_since(&begin)?;
    Ok(work.and_then(|_| right(took > 0.0, || format!("work took {took} ms between two events"))))
}
