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
    lines.check("device/1 copies", copies(device));
    lines.check("device/1 order", order(device));
    lines.check("device/1 synchronise", device.synchronise(0).map_err(text));
    offered(lines, "device/1 memory", memory(device));
    offered(lines, "device/1 reset_peak", reset_peak(device));
    if device.kind() != "cpu" {
        offered(lines, "device/1 out of memory", out_of_memory(device));
    }
    lines.check("device/1 seed", seed(device));
    offered(lines, "device/1 events", events(device));
}

/// Checks that the plugin counts a wait of the host, if it counts at all.
pub(super) fn counters(plugin: &Plugin, lines: &mut Lines) {
    let found = plugin.counters().map(|counters| {
        let device = plugin.device_type().map_err(text)?;
        let there = on(&device, &Tensor::ones([2], (Kind::Float, HOST)))?;
        counters.reset();
        let before = counters.read();
        right(before.is_empty(), || format!("after `reset` it still counts {before:?}"))?;
        let _ = there.sum(None::<Kind>).double_value(&[]);
        let after = counters.read();
        let waits = after.keys().any(|name| name.starts_with("wait"));
        right(waits, || format!("a number was read, and no wait was counted: {after:?}"))
    });
    match found {
        Ok(result) => lines.check("counters/1", result),
        Err(error) => lines.error("counters/1", &error),
    }
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

/// The dtypes that tensors of a training, of its checkpoints and of its random streams have.
const KINDS: [Kind; 9] = [
    Kind::Double,
    Kind::Float,
    Kind::Half,
    Kind::BFloat16,
    Kind::Int64,
    Kind::Int,
    Kind::Int8,
    Kind::Uint8,
    Kind::Bool,
];

/// Checks that each dtype comes back as it went, whole and as a view whose elements are not in a row.
fn copies(device: &DeviceType) -> Result<(), String> {
    for kind in KINDS {
        let values = Tensor::arange(63, (Kind::Int64, HOST)).reshape([7, 9]).to_kind(kind);
        let there = on(device, &values)?;
        let back = device::to(&there, Device::Cpu).map_err(text)?;
        right(back == values, || format!("{kind:?} came back otherwise"))?;
        let view = device::to(&there.transpose(0, 1).narrow(0, 2, 5), Device::Cpu).map_err(text)?;
        right(view == values.transpose(0, 1).narrow(0, 2, 5), || format!("a view of {kind:?} came back otherwise"))?;
        let placed = device::send(&values, Device::named(device.kind(), 0), kind);
        let back = device::to(&placed, Device::Cpu).map_err(text)?;
        right(back == values, || format!("{kind:?} through page-locked memory came back otherwise"))?;
    }
    Ok(())
}

/// Checks that work on a tensor is done in the order of its calls, and all of it before a copy comes back.
fn order(device: &DeviceType) -> Result<(), String> {
    const CALLS: i64 = 200;
    let mut there = on(device, &Tensor::zeros([1 << 12], (Kind::Float, HOST)))?;
    let mut expected = 0.0;
    for call in 0..CALLS {
        let _ = there.g_mul_scalar_(0.5).g_add_scalar_(call);
        expected = expected * 0.5 + call as f32;
    }
    let back = device::to(&there, Device::Cpu).map_err(text)?;
    let found = back.double_value(&[17]) as f32;
    right(found == expected, || format!("{CALLS} steps in a row gave {found}, not {expected}"))
}

/// Checks that a tensor larger than the device is refused by an error, after which the device goes on.
fn out_of_memory(device: &DeviceType) -> Found {
    let total = device.memory(0)?.total as i64;
    let Err(refused) = device::caught(|| device::empty(&[total + 1], Kind::Uint8, Device::named(device.kind(), 0)))
    else {
        return Ok(Err(format!("a tensor of {} bytes was made on a device of {total}", total + 1)));
    };
    let says = refused.message.contains("out of memory");
    Ok(right(says, || format!("the error does not say `out of memory`: {refused}"))
        .and_then(|()| there_and_back(device)))
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
