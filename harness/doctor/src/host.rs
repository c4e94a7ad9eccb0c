//! The machine around the cards: memory, limits, processors, disk.

use std::path::Path;

use dinov3_reports::message::{Host, Item, Why};
use rustix::fs::{Access, access};

use crate::{Family, Findings, Machine, Request};

/// Less than this in `/dev/shm` is a container's default of 64 MiB, or not much more. A batch of one rank's loaders (10, two batches
/// ahead each, 64 images in ten crops) takes a gigabyte.
const LEAST_SHM: u64 = 1 << 30;

/// Eight ranks with ten loaders each, with a few files and sockets per process.
const LEAST_FILES: u64 = 4096;

/// Memory that eight ranks lock for copies to their cards.
const LEAST_LOCKED: u64 = 8 << 30;

/// A checkpoint of ViT-L: student, teacher and two moments of 350 million parameters in fp32.
const CHECKPOINT: u64 = 6 << 30;

/// What the published run leaves: checkpoints that are kept, and ten exports of the teacher.
const PUBLISHED_RUN: u64 = 40 << 30;

/// Everything about the machine. A run on the processor has no loaders of Python and no cards to feed.
pub fn look(machine: &Machine, request: &Request, findings: &mut Findings) {
    if request.device == Family::Cpu {
        let why = || Why::OtherDevice { needs: "npu, cuda".to_owned() };
        for item in [Item::Shm, Item::OpenFiles, Item::LockedMemory, Item::Governor] {
            findings.idle(item, why());
        }
    } else {
        limits(machine, findings);
        governor(machine, findings);
    }
    processors(machine, findings);
    huge_pages(machine, findings);
    disk(machine, &request.output, findings);
}

fn limits(machine: &Machine, findings: &mut Findings) {
    match machine.measures.shm {
        Some(bytes) if bytes < LEAST_SHM => findings.add(Host::SmallShm { bytes }),
        Some(bytes) => findings.fine(Item::Shm, format!("{} MiB", bytes >> 20)),
        None => findings.idle(Item::Shm, Why::NotShown { file: "/dev/shm".to_owned() }),
    }
    match machine.measures.open_files {
        Some(soft) if soft < LEAST_FILES => findings.add(Host::FewFiles { soft }),
        soft => findings.fine(Item::OpenFiles, soft.map_or_else(|| "unlimited".to_owned(), |soft| soft.to_string())),
    }
    match machine.measures.locked {
        Some(bytes) if bytes < LEAST_LOCKED => findings.add(Host::LittleLocked { bytes }),
        Some(bytes) => findings.fine(Item::LockedMemory, format!("{} MiB", bytes >> 20)),
        None => findings.fine(Item::LockedMemory, "unlimited"),
    }
}

fn governor(machine: &Machine, findings: &mut Findings) {
    let folder = "/sys/devices/system/cpu";
    let entries = machine.path(folder).read_dir().into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path().join("cpufreq/scaling_governor"));
    let mut governors: Vec<String> =
        files.filter_map(|file| Some(std::fs::read_to_string(file).ok()?.trim().to_owned())).collect();
    governors.sort();
    governors.dedup();
    match governors.as_slice() {
        [] => findings.idle(Item::Governor, Why::NotShown { file: format!("{folder}/cpu0/cpufreq/scaling_governor") }),
        [one] if one == "performance" => findings.fine(Item::Governor, one),
        _ => findings.add(Host::Saves { governors }),
    }
}

/// What this process may use of the processors: its affinity, and the time that its control group has.
fn processors(machine: &Machine, findings: &mut Findings) {
    let allowed = machine.measures.processors;
    let online = machine.read("/sys/devices/system/cpu/online").map_or(allowed, |text| count(text.trim()));
    let quota = machine.read("/sys/fs/cgroup/cpu.max").and_then(|text| quota(&text));
    match quota {
        _ if allowed < online => findings.add(Host::Restricted { allowed, online }),
        Some(hundredths) if hundredths < 100 * allowed as u64 => findings.add(Host::Quota { hundredths, allowed }),
        _ => findings.fine(Item::Affinity, format!("{allowed}")),
    }
}

/// How many numbers a list such as `0-3,8` has.
fn count(list: &str) -> usize {
    let one = |part: &str| match part.split_once('-') {
        Some((first, last)) => Some(last.parse::<usize>().ok()? + 1 - first.parse::<usize>().ok()?),
        None => part.parse::<usize>().ok().map(|_| 1),
    };
    list.split(',').filter_map(one).sum()
}

/// Hundredths of a processor; `None` without a limit (`max 100000`).
fn quota(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace().map(str::parse::<u64>);
    let (quota, period) = (words.next()?.ok()?, words.next()?.ok()?);
    (period > 0).then(|| 100 * quota / period)
}

fn huge_pages(machine: &Machine, findings: &mut Findings) {
    let file = "/sys/kernel/mm/transparent_hugepage/enabled";
    let Some(text) = machine.read(file) else {
        return findings.idle(Item::HugePages, Why::NotShown { file: file.to_owned() });
    };
    // The chosen one stands in brackets.
    match text.split(['[', ']']).nth(1) {
        Some("never") => findings.add(Host::NoHugePages),
        chosen => findings.fine(Item::HugePages, chosen.unwrap_or("?")),
    }
}

fn disk(machine: &Machine, output: &Path, findings: &mut Findings) {
    let folder = output.display().to_string();
    let there = std::path::absolute(output).ok();
    let there = there.as_deref().and_then(|folder| folder.ancestors().find(|folder| folder.exists()));
    if there.is_none_or(|folder| !folder.is_dir() || access(folder, Access::WRITE_OK).is_err()) {
        return findings.add(Host::NotWritable { folder });
    }
    match machine.free(output) {
        Some(free) if free < CHECKPOINT => findings.add(Host::NoRoom { folder, free, needs: CHECKPOINT }),
        Some(free) if free < PUBLISHED_RUN => findings.add(Host::LittleRoom { folder, free, needs: PUBLISHED_RUN }),
        Some(free) => findings.fine(Item::Disk, format!("{} GiB, {folder}", free >> 30)),
        None => findings.idle(Item::Disk, Why::NotShown { file: folder }),
    }
}
