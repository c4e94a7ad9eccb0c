//! torchrun's environment: the rank of this process, and the place where ranks meet (`dinov3/distributed/torch_distributed_wrapper.py`).

use std::env::VarError;
use std::time::Duration;

use dinov3_ground::{Hint, Hints};
use thiserror::Error;

/// The variable with the seconds that a rank waits for the others to come.
const PATIENCE: &str = "DINOV3_RENDEZVOUS_SECONDS";

/// The variable with the seconds that a collective waits for the others.
const COLLECTIVE: &str = "DINOV3_COLLECTIVE_SECONDS";

/// torchrun's variables, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Env {
    /// This rank, from 0, over all machines (`RANK`).
    pub rank: usize,
    /// The number of ranks (`WORLD_SIZE`).
    pub world_size: usize,
    /// This rank, from 0, on its machine (`LOCAL_RANK`).
    pub local_rank: usize,
    /// The host of the store (`MASTER_ADDR`).
    pub master_addr: String,
    /// The port of the store (`MASTER_PORT`).
    pub master_port: u16,
    /// Whether the launcher serves the store (`TORCHELASTIC_USE_AGENT_STORE`). Otherwise rank 0 does.
    pub agent_store: bool,
    /// The number of times that the launcher has restarted all ranks (`TORCHELASTIC_RESTART_COUNT`). Each start has its own keys in the store.
    pub restarts: u64,
    /// The time that a rank waits for the others to come, and for the store to answer: a minute, or the value of
    /// `DINOV3_RENDEZVOUS_SECONDS`.
    pub patience: Duration,
}

/// A variable that is missing or has an impossible value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EnvError {
    /// It is not set.
    #[error("the environment variable {name} is not set")]
    Missing {
        /// The variable.
        name: &'static str,
    },
    /// The value has another type.
    #[error("the environment variable {name} is {value:?}, which is not {wanted}")]
    Malformed {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// The expected kind of value.
        wanted: &'static str,
    },
    /// The value contradicts that of another variable.
    #[error("the environment variable {name} is {value}, but {other} is {other_value}")]
    Contradicts {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: usize,
        /// The other one.
        other: &'static str,
        /// The other's value.
        other_value: usize,
    },
}

impl Hint for EnvError {
    fn hints(&self) -> Hints {
        let hint: &'static str = match self {
            Self::Malformed { name: COLLECTIVE, .. } => "give a number, or leave it unset: 1800",
            Self::Malformed { name: PATIENCE, .. } => "give a number, or leave it unset: 60",
            Self::Missing { name } | Self::Malformed { name, .. } if name.starts_with("SLURM_") => {
                "start the ranks with srun within sbatch or salloc; outside of a job unset SLURM_JOB_ID"
            }
            Self::Missing { .. } | Self::Malformed { .. } => {
                "start the ranks with torchrun, or set RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT for each"
            }
            Self::Contradicts { .. } => "ranks count from 0 over all machines, local ranks from 0 on each",
        };
        hint.into()
    }
}

impl Env {
    /// Reads the variables that torchrun sets.
    ///
    /// # Errors
    /// If a variable is missing, is malformed, or contradicts another; the error names it.
    pub fn from_torchrun() -> Result<Self, EnvError> {
        Self::read(|name| std::env::var(name).map_or_else(not_text, Some))
    }

    fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, EnvError> {
        let text = |name| get(name).filter(|value| !value.is_empty()).ok_or(EnvError::Missing { name });
        let number = |name| {
            let value = text(name)?;
            let wanted = "a whole number from 0";
            value.parse::<usize>().map_err(|_| EnvError::Malformed { name, value, wanted })
        };
        let (rank, world_size, local_rank) = (number("RANK")?, number("WORLD_SIZE")?, number("LOCAL_RANK")?);
        let below = |name, value, other, other_value| {
            if value < other_value { Ok(()) } else { Err(EnvError::Contradicts { name, value, other, other_value }) }
        };
        below("RANK", rank, "WORLD_SIZE", world_size)?;
        below("LOCAL_RANK", local_rank, "WORLD_SIZE", world_size)?;
        if local_rank > rank {
            return Err(EnvError::Contradicts {
                name: "LOCAL_RANK",
                value: local_rank,
                other: "RANK",
                other_value: rank,
            });
        }
        let port = text("MASTER_PORT")?;
        let master_port = port.parse().ok().filter(|&port: &u16| port > 0).ok_or(EnvError::Malformed {
            name: "MASTER_PORT",
            value: port,
            wanted: "a port from 1 to 65535",
        })?;
        Ok(Self {
            rank,
            world_size,
            local_rank,
            master_addr: text("MASTER_ADDR")?,
            master_port,
            agent_store: get("TORCHELASTIC_USE_AGENT_STORE").is_some_and(|value| value == "True"),
            restarts: match get("TORCHELASTIC_RESTART_COUNT") {
                Some(_) => number("TORCHELASTIC_RESTART_COUNT")? as u64,
                None => 0,
            },
            patience: Self::patience_of(&get)?,
        })
    }

    /// The time that a rank waits for the others to come, as the variables that `get` reads have it.
    ///
    /// # Errors
    /// If it is no number of seconds from 1.
    pub fn patience_of(get: impl Fn(&str) -> Option<String>) -> Result<Duration, EnvError> {
        Ok(seconds(PATIENCE, get)?.unwrap_or(Duration::from_secs(60)))
    }

    /// The time that a collective waits for the others, where `DINOV3_COLLECTIVE_SECONDS` has one.
    ///
    /// # Errors
    /// If it is no number of seconds from 1.
    pub fn collective() -> Result<Option<Duration>, EnvError> {
        seconds(COLLECTIVE, |name| std::env::var(name).map_or_else(not_text, Some))
    }

    /// Whether this process serves the store.
    pub(super) fn serves(&self) -> bool {
        self.rank == 0 && !self.agent_store
    }
}

fn seconds(name: &'static str, get: impl Fn(&str) -> Option<String>) -> Result<Option<Duration>, EnvError> {
    let Some(value) = get(name) else { return Ok(None) };
    let seconds = value.parse().ok().filter(|&seconds: &u64| seconds > 0);
    let wanted = "a whole number of seconds from 1";
    seconds.map(|seconds| Some(Duration::from_secs(seconds))).ok_or(EnvError::Malformed { name, value, wanted })
}

/// A value that is not Unicode is malformed; the error shows it with replacement characters.
fn not_text(error: VarError) -> Option<String> {
    match error {
        VarError::NotPresent => None,
        VarError::NotUnicode(value) => Some(value.to_string_lossy().into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(changes: &[(&str, Option<&str>)]) -> Result<Env, EnvError> {
        let plain =
            [("RANK", "3"), ("WORLD_SIZE", "4"), ("LOCAL_RANK", "1"), ("MASTER_ADDR", "h"), ("MASTER_PORT", "29500")];
        Env::read(|name| match changes.iter().find(|(changed, _)| *changed == name) {
            Some((_, value)) => value.map(str::to_owned),
            None => plain.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned()),
        })
    }

    #[test]
    fn torchrun_is_understood() {
        let env = read(&[]).unwrap();
        assert_eq!((env.rank, env.world_size, env.local_rank), (3, 4, 1));
        assert_eq!((env.master_addr.as_str(), env.master_port, env.restarts), ("h", 29500, 0));
        assert!(!env.agent_store && !env.serves());
        assert_eq!(env.patience, Duration::from_secs(60));
        assert_eq!(read(&[("DINOV3_RENDEZVOUS_SECONDS", Some("300"))]).unwrap().patience, Duration::from_secs(300));
        let zero = [("RANK", Some("0")), ("LOCAL_RANK", Some("0"))];
        assert!(read(&zero).unwrap().serves());
        let agent = [zero[0], zero[1], ("TORCHELASTIC_USE_AGENT_STORE", Some("True"))];
        assert!(!read(&agent).unwrap().serves(), "the launcher serves the store");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |name, value| read(&[(name, value)]).unwrap_err().to_string();
        for name in ["RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"] {
            assert_eq!(error(name, None), format!("the environment variable {name} is not set"));
            assert_eq!(error(name, Some("")), format!("the environment variable {name} is not set"));
        }
        for name in ["RANK", "WORLD_SIZE", "LOCAL_RANK", "TORCHELASTIC_RESTART_COUNT"] {
            let expected = format!("the environment variable {name} is \"-1\", which is not a whole number from 0");
            assert_eq!(error(name, Some("-1")), expected);
        }
        for seconds in ["0", "a minute"] {
            let error = error("DINOV3_RENDEZVOUS_SECONDS", Some(seconds));
            assert!(error.ends_with("which is not a whole number of seconds from 1"), "{error}");
        }
        for port in ["0", "65536", "http"] {
            assert!(error("MASTER_PORT", Some(port)).ends_with("which is not a port from 1 to 65535"));
        }
        assert_eq!(error("RANK", Some("4")), "the environment variable RANK is 4, but WORLD_SIZE is 4");
        assert_eq!(error("WORLD_SIZE", Some("0")), "the environment variable RANK is 3, but WORLD_SIZE is 0");
        assert_eq!(error("LOCAL_RANK", Some("4")), "the environment variable LOCAL_RANK is 4, but WORLD_SIZE is 4");
        assert_eq!(error("RANK", Some("0")), "the environment variable LOCAL_RANK is 1, but RANK is 0");
    }
}
