//! NVIDIA's driver and cards.

use dinov3_reports::message::{Cuda, Item, Why};

use crate::program::{Ran, first_line, run};
use crate::{Findings, Machine};

/// The oldest driver on which programs of PyTorch 2.8's CUDA run, by the compatibility of minor versions.
const OLDEST: (u32, u32) = (525, 60);

/// The CUDA of PyTorch 2.8.0 on PyPI.
const CUDA: &str = "12.8";

/// Less free memory than this, in MiB, is not enough for the precision suites beside another job.
const LEAST_FREE: u64 = 4 * 1024;

/// Everything about NVIDIA's cards.
pub fn look(machine: &Machine, findings: &mut Findings) {
    let Some(text) = machine.read("/proc/driver/nvidia/version") else {
        findings.add(Cuda::NoDriver);
        return findings.idle(Item::Gpus, Why::Depends { on: Item::CudaDriver });
    };
    // `NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.124.06  …`
    let version =
        text.split_whitespace().find(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit()));
    let version = version.unwrap_or("?").to_owned();
    match number(&version) {
        Some(found) if found < OLDEST => {
            let (needs, cuda) = (format!("{}.{}", OLDEST.0, OLDEST.1), CUDA.to_owned());
            findings.add(Cuda::OldDriver { version, needs, cuda });
        }
        _ => findings.fine(Item::CudaDriver, version),
    }
    cards(machine, findings);
}

fn number(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

fn cards(machine: &Machine, findings: &mut Findings) {
    let Some(program) = machine.program("nvidia-smi", &["/usr/bin"]) else {
        return findings.add(Cuda::Smi { said: "nvidia-smi is not on PATH".to_owned() });
    };
    let query = ["--query-gpu=name,memory.free,memory.total", "--format=csv,noheader,nounits"];
    let text = match run(machine, &program, &query) {
        Ran::Ended { well: true, stdout, .. } => stdout,
        Ran::Ended { stdout, stderr, .. } => return findings.add(Cuda::Smi { said: first_line([&*stdout, &*stderr]) }),
        Ran::TooLong => return findings.add(Cuda::Hangs { seconds: machine.limit.as_secs() }),
        Ran::NotStarted(error) => return findings.add(Cuda::Smi { said: error.to_string() }),
    };
    let (mut names, mut full) = (Vec::new(), Vec::new());
    for (gpu, line) in text.lines().filter(|line| !line.trim().is_empty()).enumerate() {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let [name, free, total] = cells[..] else { return findings.add(Cuda::Smi { said: line.to_owned() }) };
        let (Ok(free), Ok(total)) = (free.parse::<u64>(), total.parse::<u64>()) else {
            return findings.add(Cuda::Smi { said: line.to_owned() });
        };
        names.push(name);
        if free < LEAST_FREE {
            full.push(Cuda::Full { gpu, free: free << 20, total: total << 20 });
        }
    }
    let count = names.len();
    names.dedup();
    findings.all_or_fine(Item::Gpus, full, format!("{count} x {}", names.join(", ")));
}
