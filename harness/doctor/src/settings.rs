//! Environment variables and ports.

use dinov3_reports::message::{Item, Settings};

use crate::{Findings, Machine};

/// What the published run exports.
const PUBLISHED: [(&str, &str); 6] = [
    ("TASK_QUEUE_ENABLE", "2"),
    ("CPU_AFFINITY_CONF", "1"),
    ("COMBINED_ENABLE", "1"),
    ("ASCEND_SLOG_PRINT_TO_STDOUT", "0"),
    ("ASCEND_GLOBAL_LOG_LEVEL", "3"),
    ("ASCEND_GLOBAL_EVENT_ENABLE", "0"),
];

/// What it does not export, and what changes arithmetic, memory or speed. CANN's image sets others of its own accord.
const UNPUBLISHED: [&str; 7] = [
    "PYTORCH_NPU_ALLOC_CONF",
    "ACL_PRECISION_MODE",
    "CLOSE_MATMUL_K_SHIFT",
    "MULTI_STREAM_MEMORY_REUSE",
    "ACLNN_CACHE_LIMIT",
    "ATB_LLM_LCOC_ENABLE",
    "LD_PRELOAD",
];

/// HCCL's numbers, with their ranges.
const NUMBERS: [(&str, u64, u64); 5] = [
    ("HCCL_CONNECT_TIMEOUT", 120, 7200),
    ("HCCL_EXEC_TIMEOUT", 0, 2_147_483_647),
    ("HCCL_BUFFSIZE", 1, 1_048_576),
    ("HCCL_EVENT_TIMEOUT", 0, 2_147_483_647),
    ("HCCL_IF_BASE_PORT", 1024, 65_520),
];

/// The port of the published scripts' torchrun, and the first of HCCL's.
const TORCHRUN: u16 = 29501;
const HCCL: u16 = 16666;

/// Everything about variables and ports.
pub fn look(machine: &Machine, findings: &mut Findings) {
    published(machine, findings);
    others(machine, findings);
    hccl(machine, findings);
    ports(machine, findings);
}

fn published(machine: &Machine, findings: &mut Findings) {
    let differs = PUBLISHED.iter().filter(|(name, value)| machine.variable(name) != Some(*value));
    let differs = differs.map(|(name, value)| Settings::Differs {
        name: (*name).to_owned(),
        value: machine.variable(name).map(str::to_owned),
        published: (*value).to_owned(),
    });
    findings.all_or_fine(
        Item::Published,
        differs.collect(),
        PUBLISHED.map(|(name, value)| format!("{name}={value}")).join(" "),
    );
}

fn others(machine: &Machine, findings: &mut Findings) {
    let mut found = Vec::new();
    if let Some(value) = machine.variable("INF_NAN_MODE_ENABLE").filter(|value| *value == "0") {
        found.push(Settings::Saturates { value: value.to_owned() });
    }
    if let Some(value) = machine.variable("ASCEND_LAUNCH_BLOCKING").filter(|value| *value != "0") {
        found.push(Settings::Blocking { value: value.to_owned() });
    }
    let hccl = machine.variables.keys().map(String::as_str).filter(|name| name.starts_with("HCCL_"));
    let set = UNPUBLISHED.into_iter().chain(hccl).filter_map(|name| Some((name, machine.variable(name)?)));
    found.extend(set.map(|(name, value)| Settings::Extra { name: name.to_owned(), value: value.to_owned() }));
    findings.all_or_fine(Item::Unpublished, found, "0");
}

fn hccl(machine: &Machine, findings: &mut Findings) {
    let is_within = |value: &str, least, most| value.parse().is_ok_and(|number: u64| (least..=most).contains(&number));
    let bad = NUMBERS.iter().filter_map(|&(name, least, most)| {
        let value = machine.variable(name).filter(|value| !is_within(value, least, most))?.to_owned();
        Some(Settings::NoNumber { name: name.to_owned(), value, range: format!("{least}-{most}") })
    });
    let mut bad: Vec<Settings> = bad.collect();
    let own = addresses(&machine.read("/proc/net/fib_trie").unwrap_or_default());
    if let Some(address) = machine.variable("HCCL_IF_IP").filter(|address| !own.is_empty() && !address.contains(':'))
        && !own.iter().any(|it| it == address)
    {
        bad.push(Settings::NotOurs { address: address.to_owned(), own });
    }
    let base = machine.variable("HCCL_IF_BASE_PORT").map_or_else(|| HCCL.to_string(), str::to_owned);
    findings.all_or_fine(Item::Hccl, bad, format!("HCCL_IF_BASE_PORT={base}"));
}

/// This machine's own addresses but for the loop-back: in the kernel's table, `LOCAL` follows each.
fn addresses(table: &str) -> Vec<String> {
    let (mut found, mut last) = (Vec::new(), "");
    for line in table.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address;
        } else if line.ends_with("host LOCAL") && !last.starts_with("127.") && !found.iter().any(|it| it == last) {
            found.push(last.to_owned());
        }
    }
    found
}

fn ports(machine: &Machine, findings: &mut Findings) {
    let number = |name: &str, otherwise| machine.variable(name).and_then(|port| port.parse().ok()).unwrap_or(otherwise);
    let wanted = [
        (number("MASTER_PORT", TORCHRUN), "torchrun", "--master_port"),
        (number("HCCL_IF_BASE_PORT", HCCL), "HCCL", "HCCL_IF_BASE_PORT"),
    ];
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|file| machine.read(file).unwrap_or_default());
    let taken: Vec<u16> = tables.iter().flat_map(|table| table.lines().filter_map(listens)).collect();
    let found = wanted.iter().filter(|(port, ..)| taken.contains(port)).map(|&(port, user, change)| Settings::Taken {
        port,
        user: user.to_owned(),
        change: change.to_owned(),
    });
    findings.all_or_fine(Item::Ports, found.collect(), wanted.map(|(port, ..)| port.to_string()).join(", "));
}

/// The port of a line of the kernel's table of sockets, if somebody listens there (state `0A`).
fn listens(line: &str) -> Option<u16> {
    let mut words = line.split_whitespace();
    let (local, state) = (words.nth(1)?, words.nth(1)?);
    let port = local.rsplit(':').next()?;
    (state == "0A").then(|| u16::from_str_radix(port, 16).ok()).flatten()
}
