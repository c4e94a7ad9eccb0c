//! What an accelerator says of itself beside a measurement: clock, power, temperature, energy, and whether it holds its clock back.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dinov3_ground::program::{Ran, run};
use dinov3_torch::device::{self, Device};
use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError;

/// For how long a program may think. `npu-smi` waits for ever on a card that hangs.
const LIMIT: Duration = Duration::from_secs(10);

/// NVIDIA's management library, as the driver installs it: the name without a number belongs to toolkits.
const NVML: &str = "libnvidia-ml.so.1";

/// The reasons for a lower clock that hold a card back: hardware slowdown, heat by software and by hardware, power brake. A power cap is how such
/// cards are run.
const HELD_BACK: ThrottleReasons = ThrottleReasons::HW_SLOWDOWN
    .union(ThrottleReasons::SW_THERMAL_SLOWDOWN)
    .union(ThrottleReasons::HW_THERMAL_SLOWDOWN)
    .union(ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN);

/// The lines of `npu-smi info -t common` that say something of clock, power and heat.
const SAID: [&str; 3] = ["Freq", "Power", "Temperature"];

/// What a card says at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    /// For people, in one line.
    pub(super) said: String,
    /// Whether it says that it holds its clock back.
    pub(super) held_back: bool,
    /// The energy that it has used since its driver was loaded, where it counts.
    joules: Option<f64>,
}

impl State {
    /// The energy that was used since `before`.
    pub(super) fn joules_since(&self, before: &Self) -> Option<f64> {
        Some(self.joules? - before.joules?).filter(|used| *used > 0.0)
    }
}

/// What the card of a device says; nothing of a processor, or where nobody answers for it.
pub(super) fn state(device: Device) -> Option<State> {
    match device {
        Device::Cuda(_) => nvidia(&device::bus(device)?).ok(),
        Device::Plugin { kind, index } if kind.name() == "npu" => {
            let index = index.to_string();
            let text = ask(Path::new("npu-smi"), &["info", "-t", "common", "-i", &index], LIMIT).ok()?;
            Some(State { said: common(&text)?, held_back: false, joules: None })
        }
        _ => None,
    }
}

/// What NVIDIA's card at this place on the bus says. A card need not have every counter.
fn nvidia(bus: &str) -> Result<State, NvmlError> {
    let nvml = Nvml::builder().lib_path(OsStr::new(NVML)).init()?;
    let card = nvml.device_by_pci_bus_id(bus)?;
    let reasons = card.current_throttle_reasons().unwrap_or(ThrottleReasons::empty());
    let told = [
        Some(card.name()?),
        card.clock_info(Clock::SM)
            .ok()
            .zip(card.max_clock_info(Clock::SM).ok())
            .map(|(now, most)| format!("{now} of {most} MHz")),
        card.power_usage().ok().map(|milliwatts| format!("{:.0} W", f64::from(milliwatts) / 1e3)),
        card.temperature(TemperatureSensor::Gpu).ok().map(|degrees| format!("{degrees} °C")),
        (!reasons.is_empty()).then(|| words(reasons)),
    ];
    Ok(State {
        said: told.into_iter().flatten().collect::<Vec<_>>().join(", "),
        held_back: holds_back(reasons),
        joules: card.total_energy_consumption().ok().map(|millijoules| millijoules as f64 / 1e3),
    })
}

/// NVIDIA's own names of reasons for the clock that a card has: `SW_POWER_CAP`.
fn words(reasons: ThrottleReasons) -> String {
    reasons.iter_names().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
}

fn holds_back(reasons: ThrottleReasons) -> bool {
    reasons.intersects(HELD_BACK)
}

/// One line of what `npu-smi` said.
fn common(text: &str) -> Option<String> {
    let lines = text.lines().filter(|line| SAID.iter().any(|word| line.contains(word)));
    let told =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| format!("{} {}", name.trim(), value.trim()));
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// The standard output of a program that ends well within `limit`; it is ended otherwise.
fn ask(program: &Path, arguments: &[&str], limit: Duration) -> io::Result<String> {
    let mut command = Command::new(program);
    command.args(arguments);
    match run(command, limit) {
        Ran::Ended { well: true, stdout, .. } => Ok(stdout),
        Ran::Ended { stdout, .. } => Err(io::Error::other(stdout)),
        Ran::TooLong => Err(io::ErrorKind::TimedOut.into()),
        Ran::NotStarted(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn an_npu_in_one_line() {
        let npu = "\tNPU ID : 0\n\tAicore Usage Rate(%) : 93\n\tAicore Freq(MHZ) : 1800\n\tAicore curFreq(MHZ) : 1650\n\t\
                   Temperature(C) : 61\n\tNPU Real-time Power(W) : 318.7\n";
        let shown = "Aicore Freq(MHZ) 1800, Aicore curFreq(MHZ) 1650, Temperature(C) 61, NPU Real-time Power(W) 318.7";
        assert_eq!(common(npu).as_deref(), Some(shown));
        assert_eq!(common("\n"), None);
        assert_eq!(state(Device::Cpu), None);
    }

    #[test]
    fn a_clock_that_is_held_back_is_told_from_a_power_cap() {
        let reasons = ThrottleReasons::from_bits_truncate;
        assert!(!holds_back(reasons(0)) && !holds_back(reasons(0x04)));
        assert!(holds_back(reasons(0x40)) && holds_back(reasons(0x24)) && holds_back(reasons(0x80)));
        assert_eq!(words(reasons(0x24)), "SW_POWER_CAP SW_THERMAL_SLOWDOWN");
    }

    #[test]
    fn energy_is_what_was_used_between() {
        let at = |joules| State { said: String::new(), held_back: false, joules };
        assert_eq!(at(Some(12.5)).joules_since(&at(Some(10.0))), Some(2.5));
        assert_eq!((at(Some(1.0)).joules_since(&at(Some(1.0))), at(None).joules_since(&at(Some(1.0)))), (None, None));
    }

    #[test]
    fn a_program_that_does_not_answer_is_ended() {
        let sh = |script: &str| ask(Path::new("/bin/sh"), &["-c", script], Duration::from_millis(300));
        assert_eq!(sh("echo well").unwrap(), "well\n");
        assert!(sh("echo badly; exit 3").is_err() && ask(Path::new("/nowhere/smi"), &[], LIMIT).is_err());
        let begun = Instant::now();
        assert_eq!(sh("exec sleep 20").unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
