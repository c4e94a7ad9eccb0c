//! The loader (`dinov3_torch::plugin`), asked about the simulated plugin.

use dinov3_torch::plugin::{Plugin, PluginError};

/// What the simulated device says of the host; that `reset_peak` is absent is said by name.
#[test]
fn a_device_is_asked() {
    let plugin = Plugin::load(dinov3_plugins::simulated()).unwrap();
    let device = plugin.device_type().unwrap();
    assert_eq!((device.kind(), device.count(), device.set(0)), ("cpu", Ok(1), Ok(())));
    let refused = device.set(3).unwrap_err().to_string();
    assert!(
        refused.ends_with("device/1 set failed: the simulated device is the host: there is no device 3"),
        "{refused}"
    );
    let memory = device.memory(0).unwrap();
    assert!(0 < memory.in_use && memory.in_use <= memory.peak && memory.peak <= memory.total, "{memory:?}");
    assert!(matches!(device.reset_peak(0), Err(PluginError::Absent { what: "device/1 reset_peak", .. })));
    let [begin, end] = [device.event(0).unwrap(), device.event(0).unwrap()];
    begin.record().and_then(|()| end.record()).and_then(|()| end.wait()).unwrap();
    assert!(end.milliseconds_since(&begin).unwrap() >= 0.0);
    assert_eq!(plugin.missing(), Ok(vec![]));
}

/// A name of no capability, and a version of one that the plugin does not have, are answered by NULL.
#[test]
fn capabilities_have_a_name_and_a_version() {
    let plugin = Plugin::load(dinov3_plugins::simulated()).unwrap();
    let offered = ["c10d/1", "device/1", "doctor/1", "c10d/2", "c10d", ""].map(|name| plugin.offers(name));
    assert_eq!(offered, [true, true, true, false, false, false]);
    let lent = plugin.collectives().unwrap();
    assert_eq!(
        (lent.backend(), lent.device(), lent.has_premul_sum(), lent.devices()),
        ("simulated", "cpu", true, Ok(None))
    );
}
