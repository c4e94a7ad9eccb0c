//! What an accelerator says of itself beside a measurement: clock, power, temperature, and whether it holds its clock back.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dinov3_ground::program::{Ran, run};
use dinov3_torch::device::Device;

/// For how long a program may think. `npu-smi` waits for ever on a card that hangs.
const LIMIT: Duration = Duration::from_secs(10);

/// Of NVIDIA's reasons for a lower clock those that hold it back: hardware slowdown, heat by software and by hardware, power brake. A power cap
/// is how such cards are run.
const HELD_BACK: u64 = 0x08 | 0x20 | 0x40 | 0x80;

/// What `nvidia-smi` is asked for.
const ASKED: &str =
    "--query-gpu=name,pstate,clocks.sm,clocks.max.sm,power.draw,temperature.gpu,clocks_throttle_reasons.active";

/// The lines of `npu-smi info -t common` that say something of clock, power and heat.
const SAID: [&str; 3] = ["Freq", "Power", "Temperature"];

/// What the card of a device says at one moment; nothing of a processor, or where its program is not there or does not answer.
pub(super) fn state(device: Device) -> Option<String> {
    let index = device.index().unwrap_or(0).to_string();
    let (program, arguments) = match device {
        Device::Cuda(_) => ("nvidia-smi", ["-i", index.as_str(), ASKED, "--format=csv,noheader"]),
        Device::Plugin { kind, .. } if kind.name() == "npu" => ("npu-smi", ["info", "-t", "common", "-i"]),
        _ => return None,
    };
    let last = (program == "npu-smi").then_some(index.as_str());
    let text = ask(Path::new(program), &arguments.into_iter().chain(last).collect::<Vec<_>>(), LIMIT).ok()?;
    said(&text)
}

/// One line of what a program said.
fn said(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let told: Vec<String> = match text.contains(" : ") {
        true => lines
            .filter(|line| SAID.iter().any(|word| line.contains(word)))
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| format!("{} {}", name.trim(), value.trim()))
            .collect(),
        false => lines.take(1).map(str::to_owned).collect(),
    };
    (!told.is_empty()).then(|| told.join(", "))
}

/// Whether NVIDIA's card says that it holds its clock back.
pub(super) fn is_held_back(state: &str) -> bool {
    let reasons = state.rsplit(", ").next().and_then(|last| last.trim().strip_prefix("0x"));
    reasons.and_then(|bits| u64::from_str_radix(bits, 16).ok()).is_some_and(|bits| bits & HELD_BACK != 0)
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
    fn a_card_of_either_maker_in_one_line() {
        let nvidia = "NVIDIA H200, P0, 1980 MHz, 1980 MHz, 412.55 W, 54, 0x0000000000000004\n";
        assert_eq!(said(nvidia).as_deref(), Some(nvidia.trim()));
        let npu = "\tNPU ID : 0\n\tAicore Usage Rate(%) : 93\n\tAicore Freq(MHZ) : 1800\n\tAicore curFreq(MHZ) : 1650\n\t\
                   Temperature(C) : 61\n\tNPU Real-time Power(W) : 318.7\n";
        let shown = "Aicore Freq(MHZ) 1800, Aicore curFreq(MHZ) 1650, Temperature(C) 61, NPU Real-time Power(W) 318.7";
        assert_eq!(said(npu).as_deref(), Some(shown));
        assert_eq!(said("\n"), None);
        assert_eq!(state(Device::Cpu), None);
    }

    #[test]
    fn a_clock_that_is_held_back_is_told_from_a_power_cap() {
        let with = |bits: &str| format!("NVIDIA H200, P0, 1980 MHz, 1980 MHz, 412.55 W, 54, {bits}");
        assert!(!is_held_back(&with("0x0000000000000004")) && !is_held_back(&with("0x0000000000000000")));
        assert!(is_held_back(&with("0x0000000000000040")) && is_held_back(&with("0x0000000000000024")));
        assert!(!is_held_back(&with("[N/A]")) && !is_held_back("Temperature(C) 61"));
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
