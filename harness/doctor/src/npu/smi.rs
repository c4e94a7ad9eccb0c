//! The tables of `npu-smi info`, read by cells and slashes. Columns move: five digits leave no blank before a slash, tables are wider
//! where there are two dies per card, and numbers of cards have gaps in containers.

use std::fmt;

/// What `npu-smi info` shows.
#[derive(Debug, PartialEq)]
pub struct Table {
    /// The driver's version.
    pub version: String,
    /// The dies, in order.
    pub dies: Vec<Die>,
    /// Processes on them.
    pub processes: Vec<Process>,
}

/// A die.
#[derive(Debug, PartialEq)]
pub struct Die {
    /// The card's number.
    pub npu: u32,
    /// The die's number on its card.
    pub chip: u32,
    /// The number over all cards, where it is shown.
    pub physical: Option<u32>,
    /// For example `910B3`.
    pub name: String,
    /// `OK`, or what is wrong.
    pub health: String,
    /// Used memory, in MB.
    pub used: u64,
    /// All memory, in MB.
    pub total: u64,
}

/// A process.
#[derive(Debug, PartialEq)]
pub struct Process {
    /// The card's number.
    pub npu: u32,
    /// The die's number.
    pub chip: u32,
    /// The process's number.
    pub pid: u32,
    /// Its name, which may be empty.
    pub name: String,
    /// Its memory, in MB.
    pub memory: u64,
}

impl fmt::Display for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { npu, chip, pid, name, memory } = self;
        let name = if name.is_empty() { "?" } else { name };
        write!(formatter, "{name} (pid {pid}, NPU {npu} chip {chip}, {memory} MB)")
    }
}

/// The first line of a die: number, name and health.
struct Upper {
    npu: u32,
    name: String,
    health: String,
}

/// Reads the tables; `None` where there is no die in them.
pub fn parse(text: &str) -> Option<Table> {
    let mut table = Table { version: version(text)?, dies: Vec::new(), processes: Vec::new() };
    let (mut upper, mut in_processes): (Option<Upper>, bool) = (None, false);
    for line in text.lines().map(str::trim).filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        in_processes |= cells.get(1).is_some_and(|cell| cell.starts_with("Process id"));
        if in_processes {
            table.processes.extend(process(&cells));
        } else if let Some(die) = upper.take().and_then(|upper| lower(upper, &cells)) {
            table.dies.push(die);
        } else {
            upper = first(&cells);
        }
    }
    (!table.dies.is_empty()).then_some(table)
}

/// `npu-smi 25.5.1   Version: 25.5.1`: the second is the driver's.
fn version(text: &str) -> Option<String> {
    let after = text.split("Version:").nth(1)?;
    after.split_whitespace().next().map(str::to_owned)
}

/// `0     910B3 | OK | 102.8 …`: the die's first line.
fn first(cells: &[&str]) -> Option<Upper> {
    let [who, health, _, ..] = cells else { return None };
    let mut words = who.split_whitespace();
    let npu = words.next()?.parse().ok()?;
    let name = words.next()?.to_owned();
    (!health.contains(':')).then(|| Upper { npu, name, health: (*health).to_owned() })
}

/// `0 | 0000:C1:00.0 | 0  0 / 0  3445 / 65536`: the die's second line, whose bus has colons. Its last pair that is not of nothing is the
/// memory: a chip without HBM shows its own before it.
fn lower(upper: Upper, cells: &[&str]) -> Option<Die> {
    let [which, bus, figures, ..] = cells else { return None };
    if !bus.contains(':') {
        return None;
    }
    let mut numbers = which.split_whitespace().map_while(|word| word.parse().ok());
    let chip = numbers.next()?;
    let pairs = pairs(figures);
    let (used, total) = pairs.iter().rev().find(|(_, total)| *total > 0).or(pairs.last()).copied()?;
    Some(Die { npu: upper.npu, chip, physical: numbers.next(), name: upper.name, health: upper.health, used, total })
}

/// Every `NUMBER / NUMBER`, with or without blanks.
fn pairs(text: &str) -> Vec<(u64, u64)> {
    let spaced = text.replace('/', " / ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let pair = |three: &[&str]| match three {
        [left, "/", right] => Some((left.parse().ok()?, right.parse().ok()?)),
        _ => None,
    };
    words.windows(3).filter_map(pair).collect()
}

/// `5  0 | 2290156 | VLLMEngineCore | 56630`, and more cells in wider tables.
fn process(cells: &[&str]) -> Option<Process> {
    let [who, pid, name, memory, ..] = cells else { return None };
    let mut numbers = who.split_whitespace().map_while(|word| word.parse().ok());
    Some(Process {
        npu: numbers.next()?,
        chip: numbers.next()?,
        pid: pid.parse().ok()?,
        name: (*name).to_owned(),
        memory: memory.parse().ok()?,
    })
}

#[cfg(test)]
mod tests;
