//! Starts the ranks of each round.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::{env, fs, io};

use dinov3_beside::{ENVIRONMENT, FAILED, Failure, USAGE};
use dinov3_torch::runtime::AVX2;
use serde::Serialize;

use crate::Arguments;
use crate::rank::Measured;

/// One number of ranks, over the rounds.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// How many.
    pub ranks: u32,
    /// A round's are those of its ranks.
    pub rounds: Vec<Round>,
}

/// What the ranks of a round measured.
#[derive(Debug, Serialize)]
pub struct Round {
    /// Rank by rank.
    pub ranks: Vec<Measured>,
    /// Bytes that this machine's loopback carried meanwhile, of everybody, in setting up and warming up too.
    pub loopback_bytes: u64,
}

impl Round {
    /// Steps a second, as the slowest rank saw them.
    pub fn rate(&self) -> f64 {
        let slowest = self.ranks.iter().map(|it| it.seconds).fold(0.0, f64::max);
        f64::from(self.ranks[0].steps) / slowest
    }
}

/// Times every number of ranks so often, in turn.
///
/// # Errors
/// When a rank fails.
pub fn measure(arguments: &Arguments) -> Result<Vec<Figures>, Failure> {
    let images = arguments.recipe.images();
    if let Some(odd) = arguments.ranks.iter().find(|&&ranks| images % i64::from(ranks) != 0) {
        let message = format!("{odd} ranks cannot share {images} images");
        return Err(Failure::new(USAGE, message, "take another --recipe, or other --ranks"));
    }
    let mut all: Vec<Figures> = arguments.ranks.iter().map(|&ranks| Figures { ranks, rounds: Vec::new() }).collect();
    for round in 1..=arguments.rounds {
        for figures in &mut all {
            let done = take(figures.ranks)?;
            eprintln!("round {round} of {}, {} ranks: {:.3} steps/s", arguments.rounds, figures.ranks, done.rate());
            figures.rounds.push(done);
        }
    }
    Ok(all)
}

fn take(ranks: u32) -> Result<Round, Failure> {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).map_err(|error| lacks(&error))?.port();
    let before = loopback();
    let started: Vec<Child> =
        (0..ranks).map(|rank| start(rank, ranks, port)).collect::<Result<_, _>>().map_err(|error| lacks(&error))?;
    let mut measured = Vec::new();
    for (rank, child) in started.into_iter().enumerate() {
        let output = child.wait_with_output().map_err(|error| lacks(&error))?;
        let line = String::from_utf8_lossy(&output.stdout);
        let figures = serde_json::from_str(line.trim()).ok().filter(|_| output.status.success());
        let failed =
            || Failure::new(FAILED, format!("rank {rank} ended with {}", output.status), "it has said why above");
        measured.push(figures.ok_or_else(failed)?);
    }
    Ok(Round { ranks: measured, loopback_bytes: loopback().saturating_sub(before) })
}

/// This program once more, with the same arguments, as one rank.
fn start(rank: u32, ranks: u32, port: u16) -> io::Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.args(env::args_os().skip(1)).arg("--as-rank");
    for (variable, _) in AVX2 {
        command.env_remove(variable);
    }
    let torchrun = [("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", ranks), ("MASTER_PORT", port.into())];
    command.envs(torchrun.map(|(name, value)| (name, value.to_string()))).env("MASTER_ADDR", "127.0.0.1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()
}

fn lacks(error: &io::Error) -> Failure {
    Failure::new(ENVIRONMENT, format!("the ranks cannot be started: {error}"), "look at the system's limits")
}

/// Bytes that the loopback has sent since the system started; 0 where it does not say.
fn loopback() -> u64 {
    let text = fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let line = text.lines().find_map(|line| line.trim().strip_prefix("lo:"));
    line.and_then(|line| line.split_whitespace().nth(8)?.parse().ok()).unwrap_or(0)
}
