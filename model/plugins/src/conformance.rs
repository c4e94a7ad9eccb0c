//! The program that checks a plugin: its table, its capabilities, its device, and every collective of its backend between ranks.
//!
//! It uses the harness's own loader and calls. Every sum of the values is exact in bf16, in any order of additions, so a result is right to
//! the bit or wrong.

mod collectives;
mod device;
mod lines;
mod ranks;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use dinov3_ground::Hint;
use dinov3_ground::hint::show_hints;
use dinov3_torch::plugin::{Plugin, PluginError};

use self::lines::Lines;

/// Exit code: every check passed, or is about a thing that the plugin says it does not offer.
pub const PASS: i32 = 0;
/// Exit code: a check failed.
pub const FAILED: i32 = 1;
/// Exit code: wrong usage, or a file that is no plugin for this build.
pub const USAGE: i32 = 2;
/// Exit code: this machine lacks a driver, devices or processes.
pub const ENVIRONMENT: i32 = 3;

/// The arguments of the program.
#[derive(Clone, Debug, Parser)]
#[command(name = "dinov3-plugin-conformance", version, about = "Checks a plugin against dinov3_plugin.h")]
pub struct Request {
    /// The shared library.
    pub plugin: PathBuf,
    /// Ranks that the collectives are checked between, one device each.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=4))]
    pub nproc: u8,
    /// Seconds that one check may take.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..))]
    pub limit: u64,
    /// The capability to check; all of them if not given.
    #[arg(long, value_name = "CAPABILITY", value_parser = ["c10d/1", "counters/1", "device/1", "doctor/1"])]
    pub only: Option<String>,
    /// Makes this process a rank of a running check.
    #[arg(long, hide = true, requires = "port")]
    rank: Option<u8>,
    /// The address at which ranks meet.
    #[arg(long, hide = true)]
    port: Option<u16>,
}

impl Request {
    fn size(&self) -> usize {
        usize::from(self.nproc)
    }

    fn is_asked(&self, capability: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == capability)
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(self.limit)
    }
}

/// Checks the plugin, prints a line for each check, and gives the exit code.
pub fn run(request: &Request) -> i32 {
    if let (Some(rank), Some(port)) = (request.rank, request.port) {
        return collectives::rank(request, usize::from(rank), port);
    }
    let mut lines = Lines::new();
    let plugin = match Plugin::load(&request.plugin) {
        Ok(plugin) => plugin,
        Err(error) => {
            lines.fail("table", &error.to_string());
            show_hints(&error.hints());
            return USAGE;
        }
    };
    lines.pass("table", &about_build());
    if plugin.offers("a capability that nobody has/1") {
        // The table of an unknown name may be anything.
        lines.fail("table unknown capability", "`get` returns a table for a name that no capability has");
        return FAILED;
    }
    lines.pass("table unknown capability", "is NULL");
    if request.is_asked("doctor/1") && !doctor(plugin, &mut lines) {
        return ENVIRONMENT;
    }
    if request.is_asked("device/1") {
        device::check(plugin, &mut lines);
    }
    if request.is_asked("counters/1") {
        device::counters(plugin, &mut lines);
    }
    if request.is_asked("c10d/1")
        && let Err(why) = collectives::check(plugin, request, &mut lines)
    {
        eprintln!("error: {why}");
        return ENVIRONMENT;
    }
    lines.code()
}

fn about_build() -> String {
    format!("made for libtorch {} and {}", dinov3_torch::shim::torch_version(), dinov3_torch::shim::cxx_abi())
}

/// Whether the plugin says that nothing is missing.
fn doctor(plugin: &Plugin, lines: &mut Lines) -> bool {
    match plugin.missing() {
        Ok(missing) if missing.is_empty() => lines.pass("doctor/1", "nothing is missing"),
        Ok(missing) => {
            for it in &missing {
                lines.fail("doctor/1", &it.what);
                show_hints(&it.remedy.clone().into());
            }
            return false;
        }
        Err(error) => lines.error("doctor/1", &error),
    }
    true
}

/// Whether an error says that the plugin does not offer something.
fn is_absent(error: &PluginError) -> bool {
    matches!(error, PluginError::Absent { .. })
}
