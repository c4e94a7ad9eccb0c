//! Local ranks: one command line started several times with torchrun's environment, and ended together (`torchrun --nproc-per-node`).
//!
//! Nothing here knows libtorch, so a launcher is a small process. A [`Request`] is what the caller asks for; a [`Launch`] is that request,
//! checked and ready to start.
//!
//! ```
//! use dinov3_ranks::launch::{Ended, Request, Show};
//!
//! let arguments = ["-c", "echo rank $RANK of $WORLD_SIZE"].map(Into::into).into();
//! let request = Request { ranks: 2, program: "/bin/sh".into(), arguments, consequence: 4, show: Show::Lines };
//! let mut lines = Vec::new();
//! let ended = request.resolve()?.run(&mut |line| lines.push(line.to_owned()))?;
//! assert_eq!(ended, Ended::Together(0));
//! assert_eq!(lines, ["rank 0 of 2"]);
//! # Ok::<(), dinov3_ranks::launch::LaunchError>(())
//! ```

mod child;
mod conductor;
mod ended;
mod port;
pub mod waiting;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use dinov3_ground::{Hint, Hints};
use thiserror::Error;

pub use ended::{Death, Ended, How};

/// The most ranks. No machine has as many accelerators, so a larger number is a typing error.
pub const MOST_RANKS: usize = 256;

/// The variables that mark a process as a rank.
const OF_A_RANK: [&str; 3] = ["RANK", "WORLD_SIZE", "LOCAL_RANK"];

/// The ranks to start, and what they run.
#[derive(Clone, Debug)]
pub struct Request {
    /// The number of ranks.
    pub ranks: usize,
    /// The program.
    pub program: PathBuf,
    /// The program's arguments, the same for all ranks.
    pub arguments: Vec<OsString>,
    /// The exit code of a rank that failed because another rank did.
    pub consequence: i32,
    /// The destination of rank 0's output.
    pub show: Show,
}

/// The destination of rank 0's output. The standard output of all other ranks is dropped; the end of their standard error is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// The outputs of this process, as the output comes.
    Through,
    /// The caller, line by line of the standard output. The standard error is kept like that of the other ranks.
    Lines,
}

/// Ranks about to be started.
#[derive(Clone, Debug)]
pub struct Launch {
    request: Request,
    /// Variables that all ranks get, besides those of this process.
    environment: Vec<(&'static str, String)>,
    /// Variables that no rank gets.
    absent: Vec<OsString>,
    /// The time in which the other ranks may end by themselves after one failed. They find out who is gone, and say so.
    settle: Duration,
    /// The time in which ranks may end after SIGTERM.
    grace: Duration,
}

/// The reason why ranks were not started, or cannot be watched.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// The number of ranks is zero or too large.
    #[error("{ranks} ranks cannot be started")]
    Count {
        /// The number that was asked for.
        ranks: usize,
    },
    /// torchrun, or another launcher, has started this process.
    #[error("ranks cannot be started by a process that is a rank itself: {variable} is {value:?} in its environment")]
    AlreadyARank {
        /// The variable that marks the process as a rank.
        variable: &'static str,
        /// The value of the variable.
        value: String,
    },
    /// No port is free for the ranks to meet at.
    #[error("no port of 127.0.0.1 is free for the ranks to meet at: {0}")]
    Port(io::Error),
    /// A rank could not be started. Those before it were ended.
    #[error("rank {rank} cannot be started: {}: {source}", .program.display())]
    Start {
        /// The rank.
        rank: usize,
        /// The program.
        program: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The system does not report signals or ended processes.
    #[error("the ranks cannot be watched: {0}")]
    Watch(io::Error),
}

impl Hint for LaunchError {
    fn hints(&self) -> Hints {
        let hint: String = match self {
            Self::Count { .. } => format!("give a number from 1 to {MOST_RANKS}"),
            Self::AlreadyARank { .. } => format!(
                "let either torchrun (or Slurm) or this program start the ranks; unset {} if none did",
                OF_A_RANK.join(", ")
            ),
            Self::Port(_) => "see that the loopback interface is up".to_owned(),
            Self::Start { .. } | Self::Watch(_) => {
                "see whether the limit of processes (`ulimit -u`) is reached".to_owned()
            }
        };
        hint.into()
    }
}

/// Whether this process was started as a rank: torchrun's variables are in its environment.
pub fn is_a_rank() -> bool {
    OF_A_RANK.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

impl Request {
    /// Checks that this process can start the ranks, and decides on their environment.
    ///
    /// # Errors
    /// If the number is zero or too large, this process is a rank, or no port is free.
    pub fn resolve(self) -> Result<Launch, LaunchError> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        self.resolve_in(|name| std::env::var_os(name), cores, port::free)
    }

    fn resolve_in(
        self,
        get: impl Fn(&str) -> Option<OsString>,
        cores: usize,
        port: impl FnOnce() -> io::Result<u16>,
    ) -> Result<Launch, LaunchError> {
        let set = |name: &str| get(name).filter(|value| !value.is_empty());
        if !(1..=MOST_RANKS).contains(&self.ranks) {
            return Err(LaunchError::Count { ranks: self.ranks });
        }
        if let Some((variable, value)) = OF_A_RANK.into_iter().find_map(|name| Some((name, set(name)?))) {
            return Err(LaunchError::AlreadyARank { variable, value: value.to_string_lossy().into_owned() });
        }
        let mut environment = vec![
            ("WORLD_SIZE", self.ranks.to_string()),
            ("MASTER_ADDR", "127.0.0.1".to_owned()),
            ("MASTER_PORT", port().map_err(LaunchError::Port)?.to_string()),
        ];
        if set("OMP_NUM_THREADS").is_none() {
            environment.push(("OMP_NUM_THREADS", (cores / self.ranks).max(1).to_string()));
        }
        environment.extend(waiting::to_be_set(&get).map(|(name, value)| (name, value.to_owned())));
        let (settle, grace) = (Duration::from_secs(5), Duration::from_secs(5));
        Ok(Launch { request: self, environment, absent: Vec::new(), settle, grace })
    }
}

impl Launch {
    /// Sets the two waits, which are five seconds each: for the other ranks to end by themselves after one failed, and to end after SIGTERM.
    #[must_use]
    pub fn with_patience(mut self, settle: Duration, grace: Duration) -> Self {
        (self.settle, self.grace) = (settle, grace);
        self
    }

    /// Removes variables from the ranks' environment.
    #[must_use]
    pub fn without(mut self, variables: &[&str]) -> Self {
        self.absent.extend(variables.iter().map(OsString::from));
        self
    }

    /// Starts the ranks, forwards SIGINT, SIGTERM and SIGHUP to them, and returns when all have ended. After one fails, the launcher ends the
    /// others. `line` gets rank 0's lines under [`Show::Lines`]. The ranks die with the thread that calls this, whatever ends it.
    ///
    /// A process has one launch at a time: a second one waits.
    ///
    /// # Errors
    /// If a rank cannot be started or watched; no rank is left then. A rank that fails is no error.
    pub fn run(&self, line: &mut dyn FnMut(&str)) -> Result<Ended, LaunchError> {
        conductor::run(self, line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(ranks: usize) -> Request {
        let program = "program".into();
        Request { ranks, program, arguments: Vec::new(), consequence: 4, show: Show::Through }
    }

    fn resolve(ranks: usize, set: &[(&str, &str)]) -> Result<Launch, LaunchError> {
        let get = |name: &str| set.iter().find(|(it, _)| *it == name).map(|(_, value)| value.into());
        request(ranks).resolve_in(get, 4, || Ok(1234))
    }

    #[test]
    fn the_cores_are_shared_out() {
        let environment = |ranks, set: &[(&str, &str)]| {
            let launch = resolve(ranks, set).unwrap();
            let pairs = launch.environment.iter().map(|(name, value)| format!("{name}={value}"));
            pairs.collect::<Vec<_>>().join(" ")
        };
        let meeting = "MASTER_ADDR=127.0.0.1 MASTER_PORT=1234";
        assert_eq!(environment(2, &[]), format!("WORLD_SIZE=2 {meeting} OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive"));
        assert_eq!(environment(8, &[]), format!("WORLD_SIZE=8 {meeting} OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive"));
        let own = [("OMP_NUM_THREADS", "3"), ("OMP_WAIT_POLICY", "ACTIVE")];
        assert_eq!(environment(8, &own), format!("WORLD_SIZE=8 {meeting}"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for ranks in [0, MOST_RANKS + 1] {
            let error = resolve(ranks, &[]).unwrap_err();
            assert_eq!(error.to_string(), format!("{ranks} ranks cannot be started"));
            assert_eq!(error.hints(), "give a number from 1 to 256".into());
        }
        let error = resolve(2, &[("LOCAL_RANK", "1")]).unwrap_err();
        assert!(error.to_string().ends_with("is a rank itself: LOCAL_RANK is \"1\" in its environment"), "{error}");
        assert!(resolve(2, &[("RANK", ""), ("MASTER_ADDR", "host")]).is_ok());
    }
}
