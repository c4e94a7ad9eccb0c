//! `dinov3-fuzz`: every reader, or one, for some minutes each.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime};

use clap::Parser;
use dinov3_fuzz::memory::Counted;
use dinov3_fuzz::round::round;
use dinov3_fuzz::targets::{TARGETS, Target};

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// Hands mutated files to every reader of files from elsewhere.
///
/// Exit codes: 0 no fault, 1 a fault (its input is in the folder of finds), 2 wrong usage, 3 no folder can be written.
#[derive(Debug, Parser)]
struct Arguments {
    /// Minutes for each reader
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    minutes: f64,
    /// One reader instead of all
    #[arg(long, value_name = "NAME", value_parser = TARGETS.map(|target| target.name))]
    target: Option<String>,
    /// The seed of all changes; without one, the clock's
    #[arg(long)]
    seed: Option<u64>,
    /// Where inputs with a fault go
    #[arg(long, value_name = "DIR", default_value = "target/fuzz")]
    found: PathBuf,
    /// Stay in this process: what ends it ends all
    #[arg(long, hide = true, requires = "target")]
    here: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let clock = || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_millis() as u64);
    let seed = arguments.seed.unwrap_or_else(clock);
    let wanted = TARGETS.iter().filter(|target| arguments.target.as_ref().is_none_or(|name| name == target.name));
    let mut worst = 0;
    for target in wanted {
        let code = if arguments.here { run(target, &arguments, seed) } else { child(target, &arguments, seed) };
        worst = worst.max(code);
    }
    ExitCode::from(worst)
}

/// A reader in a process of its own, so that an abort is a fault of that reader.
fn child(target: &Target, arguments: &Arguments, seed: u64) -> u8 {
    let program = std::env::current_exe();
    let status = program.and_then(|program| {
        let mut command = Command::new(program);
        command.args(["--here", "--target", target.name, "--seed", &seed.to_string()]);
        command.args(["--minutes", &arguments.minutes.to_string()]).arg("--found").arg(&arguments.found).status()
    });
    match status.map(|status| status.code()) {
        Ok(Some(code @ 0..=3)) => code as u8,
        Ok(code) => {
            eprintln!("{}: the process ended by {code:?}; the same again: --target {0} --seed {seed}", target.name);
            1
        }
        Err(error) => {
            eprintln!("{}: {error}", target.name);
            3
        }
    }
}

fn run(target: &Target, arguments: &Arguments, seed: u64) -> u8 {
    let time = Duration::from_secs_f64((arguments.minutes * 60.0).clamp(0.0, 1e6));
    match round(target, time, seed, &arguments.found) {
        Ok(report) => {
            let megabytes = report.most_held as f64 / 1e6;
            println!(
                "{:<10} {:>9} inputs, {:>4} outcomes, at most {megabytes:.1} MB and {:.2} s, seed {seed}",
                target.name,
                report.runs,
                report.outcomes,
                report.longest.as_secs_f64()
            );
            match report.fault {
                None => 0,
                Some((what, path)) => {
                    eprintln!("{}: {what}; the input is {}", target.name, path.display());
                    1
                }
            }
        }
        Err(error) => {
            eprintln!("{}: {error}", target.name);
            3
        }
    }
}
