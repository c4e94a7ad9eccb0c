//! What Linux says of the machine: who computes on it, its clock, memory, energy. Where it says nothing, nothing is known.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dinov3_trajectory::timing::Clock;
use serde::{Deserialize, Serialize};

/// The clock is read so often: reading it asks every core.
const EVERY: Duration = Duration::from_millis(500);

/// Processor time so far, in the kernel's ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Usage {
    /// Of all cores, used or not.
    all: u64,
    /// Used by anybody, what the host of a virtual machine has taken included.
    used: u64,
    /// Used by this process.
    own: u64,
    /// The number of cores.
    pub(super) cores: u64,
}

impl Usage {
    pub(super) fn now() -> Option<Self> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let own = fs::read_to_string("/proc/self/stat").ok()?;
        Self::read(&stat, &own)
    }

    fn read(stat: &str, own: &str) -> Option<Self> {
        let numbers =
            |line: &str| -> Vec<u64> { line.split_whitespace().filter_map(|word| word.parse().ok()).collect() };
        // user nice system idle iowait irq softirq steal; guests are in user.
        let all = numbers(stat.lines().find_map(|line| line.strip_prefix("cpu "))?);
        let all = all.get(..8)?;
        let idle = all[3] + all[4];
        let cores = stat.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu ")).count() as u64;
        // Behind the name in parentheses, which may hold anything. The terminal is -1 where there is none.
        let own: Vec<&str> = own[own.rfind(')')? + 1..].split_whitespace().collect();
        let ticks = |field: usize| own.get(field)?.parse::<u64>().ok();
        // Counted from the state on: user and system time.
        let own = ticks(11)? + ticks(12)?;
        let sum: u64 = all.iter().sum();
        Some(Self { all: sum, used: sum - idle, own, cores })
    }

    /// Ticks of this process since `before`.
    pub(super) fn own_since(&self, before: &Self) -> u64 {
        self.own.saturating_sub(before.own)
    }

    /// The share of the cores that others used since `before`, where processes of this run used `own` ticks.
    pub(super) fn others_since(&self, before: &Self, own: u64) -> Option<f64> {
        let all = self.all.checked_sub(before.all).filter(|all| *all > 0)?;
        Some(self.used.saturating_sub(before.used).saturating_sub(own) as f64 / all as f64)
    }
}

/// Reads the clock of the busiest core again and again, until it is stopped.
pub(super) struct Watching {
    stop: Sender<()>,
    thread: JoinHandle<Vec<f64>>,
    events: Option<u64>,
}

impl Watching {
    pub(super) fn start() -> Self {
        let (stop, stopped) = channel();
        let thread = thread::spawn(move || {
            let mut readings = Vec::new();
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                readings.extend(megahertz());
            }
            readings
        });
        Self { stop, thread, events: throttled() }
    }

    /// The readings.
    pub(super) fn stop(self) -> Clock {
        // The thread is gone only where it panicked; then nothing is known.
        let _ = self.stop.send(());
        let readings = self.thread.join().unwrap_or_default();
        let events = throttled().zip(self.events).map(|(after, before)| after.saturating_sub(before));
        Clock { readings, base: base(), events }
    }
}

/// The frequency of the fastest core, in MHz.
pub(super) fn megahertz() -> Option<f64> {
    let from_cores = cores("cpufreq/scaling_cur_freq").map(|kilohertz| kilohertz / 1000.0).reduce(f64::max);
    from_cores.or_else(|| fastest(&fs::read_to_string("/proc/cpuinfo").ok()?))
}

fn fastest(cpuinfo: &str) -> Option<f64> {
    let readings = cpuinfo.lines().filter(|line| line.starts_with("cpu MHz"));
    readings.filter_map(|line| line.split_once(": ")?.1.trim().parse().ok()).reduce(f64::max)
}

/// The base frequency, in MHz.
fn base() -> Option<f64> {
    cores("cpufreq/base_frequency").map(|kilohertz| kilohertz / 1000.0).reduce(f64::max)
}

/// How often cores were throttled since the system began.
fn throttled() -> Option<u64> {
    cores("thermal_throttle/core_throttle_count").map(|count| count as u64).max()
}

/// A number of each core that has it.
fn cores(file: &'static str) -> impl Iterator<Item = f64> {
    let folders = fs::read_dir("/sys/devices/system/cpu").into_iter().flatten().flatten();
    let is_core = |name: &str| name.strip_prefix("cpu").is_some_and(|rest| rest.parse::<u32>().is_ok());
    let folders = folders.filter(move |folder| folder.file_name().to_str().is_some_and(is_core));
    folders.filter_map(move |folder| number(&folder.path().join(file)))
}

fn number(path: &Path) -> Option<f64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The most memory that this process has had resident, in bytes.
pub(super) fn peak_memory() -> Option<u64> {
    Some(1024 * status("VmHWM:")?.split_whitespace().next()?.parse::<u64>().ok()?)
}

/// A line of `/proc/self/status`.
pub(super) fn status(key: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim().to_owned())
}

/// The energy that the processors have used, in joules, where anybody may read it.
pub(super) fn energy() -> Option<f64> {
    let folders = fs::read_dir("/sys/class/powercap").ok()?.flatten();
    // Packages alone: their parts have a second colon.
    let packages = folders.filter(|folder| folder.file_name().to_string_lossy().matches(':').count() == 1);
    packages.filter_map(|folder| number(&folder.path().join("energy_uj"))).reduce(|a, b| a + b).map(|all| all * 1e-6)
}

/// The name of this machine.
pub(super) fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()).unwrap_or_default()
}

/// The first line of a file, or of what a system's file has there.
pub(super) fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_use_is_what_is_left() {
        let usage = |user: u64, own: u64| {
            let stat = format!("cpu  {user} 5 10 1000 20 1 2 30 0 0\ncpu0 1 2\ncpu1 1 2\nintr 5\n");
            let own = format!("42 (a) b) S 1 2 3 0 -1 6 7 8 9 10 {own} 7 0 0");
            Usage::read(&stat, &own).unwrap()
        };
        let (before, after) = (usage(100, 50), usage(300, 210));
        assert_eq!((after.cores, after.own_since(&before)), (2, 160));
        // Of 200 ticks, which are all the time that went by, 160 were this process's.
        assert_eq!(after.others_since(&before, 160), Some(0.2));
        assert_eq!(after.others_since(&after, 0), None);
        assert_eq!(Usage::read("cpu  1 2\n", "1 (a) S"), None);
    }

    #[test]
    fn this_machine_tells_what_it_knows() {
        let (before, watching) = (Usage::now().unwrap(), Watching::start());
        let sum = (0..30_000_000_u64).fold(0.0, |sum, it| sum + (it as f64).sqrt());
        let clock = watching.stop();
        assert!(sum > 0.0 && clock.readings.iter().all(|reading| *reading > 100.0), "{clock:?}");
        assert!(Usage::now().unwrap().all >= before.all);
        assert!(peak_memory().unwrap() > 1 << 20);
        assert_eq!(fastest("processor : 0\ncpu MHz\t\t: 2600.5\ncpu MHz\t\t: 3100.25\n"), Some(3100.25));
    }
}
