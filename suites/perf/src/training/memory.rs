//! What the system says of this process.

use crate::failure::{ENVIRONMENT, Failure};

/// The most memory that this process has had resident so far.
///
/// # Errors
/// The system does not tell.
pub fn peak_bytes() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| Failure::new(ENVIRONMENT, "this system does not tell a process's peak memory", "run on Linux"))
}
