//! The cards: device files, `npu-smi`, health, memory and processes.

mod smi;

use std::path::PathBuf;

use dinov3_reports::message::{Item, Npu, SmiFailure, Why};
use rustix::fs::{Access, access};

use crate::program::{Ran, first_line, run};
use crate::{Findings, Machine};
use smi::{Die, Table};

/// Files that every process on a card opens, beside the card's own.
const SHARED: [&str; 3] = ["/dev/davinci_manager", "/dev/devmm_svm", "/dev/hisi_hdc"];

/// Where `npu-smi` is, though not always on PATH.
const PLACES: [&str; 2] = ["/usr/local/sbin", "/usr/local/bin"];

/// The chips of an Atlas 800T A2.
const PUBLISHED_CHIPS: [&str; 5] = ["910B1", "910B2", "910B2C", "910B3", "910ProB"];

/// The dies of the published run.
const PUBLISHED_COUNT: usize = 8;

/// Less free memory than this, in MB, is not enough for the precision suites beside another job.
const LEAST_FREE: u64 = 8 * 1024;

/// The device files of dies, by number, whose numbers may have gaps.
pub fn dies(machine: &Machine) -> Vec<u32> {
    let entries = machine.path("/dev").read_dir().into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("davinci")?.parse().ok());
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

/// Everything about the cards.
pub fn look(machine: &Machine, findings: &mut Findings) {
    let dies = dies(machine);
    devices(machine, &dies, findings);
    visible(machine, dies.len(), findings);
    match table(machine) {
        Ok(table) => cards(&table, findings),
        Err(failure) => {
            findings.add(Npu::Smi(failure));
            for item in [Item::Npus, Item::Health, Item::Memory, Item::Processes] {
                findings.idle(item, Why::Depends { on: Item::NpuSmi });
            }
        }
    }
}

fn devices(machine: &Machine, dies: &[u32], findings: &mut Findings) {
    if dies.is_empty() {
        return findings.add(Npu::NoDevice);
    }
    let own = dies.iter().map(|number| format!("/dev/davinci{number}"));
    let files = SHARED.iter().map(|&file| file.to_owned()).chain(own);
    let sick = files.filter_map(|file| {
        let path = machine.path(&file);
        match (path.exists(), access(&path, Access::READ_OK | Access::WRITE_OK)) {
            (false, _) => Some(Npu::LacksDevice { file }),
            (true, Err(_)) => Some(Npu::Denied { file }),
            (true, Ok(())) => None,
        }
    });
    findings.all_or_fine(Item::Devices, sick.collect(), format!("/dev/davinci{{{}}}", list(dies)));
}

/// `ASCEND_RT_VISIBLE_DEVICES` counts the dies of this machine or container from 0.
fn visible(machine: &Machine, count: usize, findings: &mut Findings) {
    let Some(value) = machine.variable("ASCEND_RT_VISIBLE_DEVICES") else {
        return findings.fine(Item::Visible, format!("{count}"));
    };
    let is_there = |number: &&str| number.trim().parse().is_ok_and(|number: usize| number < count);
    match value.split(',').find(|number| !is_there(number)) {
        Some(lacks) => findings.add(Npu::NotVisible { value: value.to_owned(), lacks: lacks.trim().to_owned(), count }),
        None => findings.fine(Item::Visible, value),
    }
}

fn table(machine: &Machine) -> Result<Table, SmiFailure> {
    let program: PathBuf = machine.program("npu-smi", &PLACES).ok_or(SmiFailure::NotFound)?;
    match run(machine, &program, &["info"]) {
        Ran::Ended { well, stdout, stderr } => understood(well, &stdout, &stderr),
        Ran::TooLong => Err(SmiFailure::Hangs { seconds: machine.limit.as_secs() }),
        Ran::NotStarted(error) => Err(SmiFailure::Fails { said: error.to_string() }),
    }
}

fn understood(well: bool, stdout: &str, stderr: &str) -> Result<Table, SmiFailure> {
    let both = || stdout.lines().chain(stderr.lines()).map(str::trim);
    if let Some(line) = both().find(|line| line.contains("error while loading shared libraries")) {
        let library = line.split("libraries:").nth(1).and_then(|rest| rest.split(':').next()).unwrap_or(line);
        return Err(SmiFailure::Library { library: library.trim().to_owned() });
    }
    // It may say so and end with success.
    if let Some(line) = both().find(|line| line.contains("dcmi module initialize failed")) {
        return Err(SmiFailure::Dcmi { said: line.to_owned() });
    }
    if !well {
        return Err(SmiFailure::Fails { said: first_line([stderr, stdout]) });
    }
    smi::parse(stdout).ok_or_else(|| SmiFailure::Unreadable { said: first_line([stdout, stderr]) })
}

fn cards(table: &Table, findings: &mut Findings) {
    findings.fine(Item::NpuSmi, table.version.clone());
    let found = kinds(&table.dies);
    match table.dies.iter().find(|die| !PUBLISHED_CHIPS.contains(&die.name.trim_start_matches("Ascend"))) {
        Some(_) => findings.add(Npu::OtherChip { found }),
        None if table.dies.len() < PUBLISHED_COUNT => findings.add(Npu::Few { found }),
        None => findings.fine(Item::Npus, found),
    }
    let unwell = table.dies.iter().filter(|die| die.health != "OK");
    let unwell = unwell.map(|die| Npu::Unwell { npu: die.npu, chip: die.chip, health: die.health.clone() });
    findings.all_or_fine(Item::Health, unwell.collect(), "OK");
    let full = table.dies.iter().filter(|die| die.total.saturating_sub(die.used) < LEAST_FREE);
    let full = full.map(|die| Npu::Full {
        npu: die.npu,
        chip: die.chip,
        free: die.total.saturating_sub(die.used) << 20,
        total: die.total << 20,
    });
    let most = table.dies.iter().map(|die| die.used).max().unwrap_or(0);
    findings.all_or_fine(Item::Memory, full.collect(), format!("{most} MB max"));
    let processes: Vec<String> = table.processes.iter().map(ToString::to_string).collect();
    match processes.is_empty() {
        true => findings.fine(Item::Processes, "0"),
        false => findings.add(Npu::Foreign { processes }),
    }
}

/// `8 x 910B3`, and which where numbers have gaps.
fn kinds(dies: &[Die]) -> String {
    let mut names: Vec<&str> = dies.iter().map(|die| die.name.as_str()).collect();
    names.dedup();
    let mut numbers: Vec<u32> = dies.iter().map(|die| die.npu).collect();
    numbers.dedup();
    format!("{} x {} (NPU {})", dies.len(), names.join(", "), list(&numbers))
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}
