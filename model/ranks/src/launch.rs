//! Local ranks: one command line started several times with torchrun's environment, and ended together (`torchrun --nproc-per-node`).
//!
//! Nothing here knows libtorch, so a launcher is a small process. What is asked for is a [`Request`]; what will be started, a [`Launch`].
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

/// More ranks than any machine has accelerators for: a slip of the finger.
pub const MOST_RANKS: usize = 256;

/// What says that a process is a rank already.
const OF_A_RANK: [&str; 3] = ["RANK", "WORLD_SIZE", "LOCAL_RANK"];

/// What ranks that are asked for are to run.
#[derive(Clone, Debug)]
pub struct Request {
    /// How many.
    pub ranks: usize,
    /// The program.
    pub program: PathBuf,
    /// Its arguments, the same for all.
    pub arguments: Vec<OsString>,
    /// The exit code by which a rank says that it failed because another one did.
    pub consequence: i32,
    /// Who gets what rank 0 says.
    pub show: Show,
}

/// Who gets the output of rank 0. The standard output of all others is dropped, the end of their standard error kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Whoever gets this process's, as it comes.
    Through,
    /// The caller gets the lines of its standard output; its standard error is kept like that of the others.
    Lines,
}

/// Ranks about to be started.
#[derive(Clone, Debug)]
pub struct Launch {
    request: Request,
    /// What all of them find in their environment, beside this process's.
    environment: Vec<(&'static str, String)>,
    /// What none of them finds in its environment.
    absent: Vec<OsString>,
    /// For how long, after one has failed, the others may end by themselves: they find out who is gone, and say so.
    settle: Duration,
    /// For how long they may take to end after SIGTERM.
    grace: Duration,
}

/// Why no ranks were started, or could not be watched.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// None, or too many.
    #[error("{ranks} ranks cannot be started")]
    Count {
        /// How many were asked for.
        ranks: usize,
    },
    /// torchrun, or another launcher, has started this process.
    #[error("ranks cannot be started by a process that is a rank itself: {variable} is {value:?} in its environment")]
    AlreadyARank {
        /// What says so.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// No port is free for the ranks to meet at.
    #[error("no port of 127.0.0.1 is free for the ranks to meet at: {0}")]
    Port(io::Error),
    /// A rank could not be started. Those before it were ended.
    #[error("rank {rank} cannot be started: {}: {source}", .program.display())]
    Start {
        /// Which.
        rank: usize,
        /// What it would have run.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system refuses to tell of signals or of ended processes.
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
    /// Makes sure that it can be met from this process, and decides what the ranks are told.
    ///
    /// # Errors
    /// When the number is none, this process is a rank, or no port is free.
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
    /// Other waits than five seconds each: how long the others may take to end by themselves once one has failed, and then after
    /// SIGTERM.
    #[must_use]
    pub fn with_patience(mut self, settle: Duration, grace: Duration) -> Self {
        (self.settle, self.grace) = (settle, grace);
        self
    }

    /// Takes variables away from the ranks' environment.
    #[must_use]
    pub fn without(mut self, variables: &[&str]) -> Self {
        self.absent.extend(variables.iter().map(OsString::from));
        self
    }

    /// Starts the ranks, forwards SIGINT, SIGTERM and SIGHUP to them, and returns when all have ended: when one fails, the others are
    /// ended too. `line` gets rank 0's lines under [`Show::Lines`]. They die with the thread that calls this, whatever it dies of.
    ///
    /// One launch at a time in a process: a second one waits.
    ///
    /// # Errors
    /// When a rank cannot be started or watched; then none is left. A rank that fails is no error.
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
