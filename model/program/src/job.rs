//! How this process was started, and as which rank: `TorchDistributedEnvironment` of `dinov3/distributed/torch_distributed_wrapper.py`.

use dinov3_ranks::{Env, EnvError, launch};

use crate::slurm;

/// The variable by which the reference recognises torchrun, with the run's name.
const RUN: &str = "TORCHELASTIC_RUN_ID";

/// The variable by which the reference recognises Slurm.
const JOB: &str = "SLURM_JOB_ID";

/// How this process was started, and as which rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// By a person, alone.
    Manual,
    /// By torchrun, or by something else that sets its variables, as `--nproc` does.
    Torchrun {
        /// The run's name.
        id: String,
        /// This process's place.
        env: Env,
    },
    /// By Slurm.
    Slurm {
        /// The job's number.
        id: u64,
        /// This process's place.
        env: Env,
    },
}

impl Job {
    /// What this process's environment says. Torchrun comes before Slurm, as in the reference: ranks may be started within a Slurm job.
    ///
    /// # Errors
    /// When a variable is missing, is malformed or contradicts another.
    pub fn of_environment() -> Result<Self, EnvError> {
        if launch::is_a_rank() {
            // What torchrun calls a run that has no name.
            let id = std::env::var(RUN).unwrap_or_else(|_| "none".to_owned());
            return Ok(Self::Torchrun { id, env: Env::from_torchrun()? });
        }
        if std::env::var_os(JOB).is_none_or(|value| value.is_empty()) {
            return Ok(Self::Manual);
        }
        let (id, env) = slurm::read(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))?;
        Ok(Self::Slurm { id, env })
    }

    /// This process's place, where it has one.
    pub fn env(&self) -> Option<&Env> {
        match self {
            Self::Manual => None,
            Self::Torchrun { env, .. } | Self::Slurm { env, .. } => Some(env),
        }
    }

    /// This rank, from 0, over all machines.
    pub fn rank(&self) -> usize {
        self.env().map_or(0, |env| env.rank)
    }

    /// This rank, from 0, on its machine.
    pub fn local_rank(&self) -> usize {
        self.env().map_or(0, |env| env.local_rank)
    }

    /// The number of ranks.
    pub fn world(&self) -> usize {
        self.env().map_or(1, |env| env.world_size)
    }
}

/// As the reference's log has it.
impl std::fmt::Display for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let job = match self {
            Self::Manual => "manual job".to_owned(),
            Self::Torchrun { id, .. } => format!("TorchElastic job ({id})"),
            Self::Slurm { id, .. } => format!("Slurm job ({id})"),
        };
        let (host, port) = self.env().map_or(("127.0.0.1", 0), |env| (env.master_addr.as_str(), env.master_port));
        write!(f, "{job} using {host}:{port} (rank={}, world size={})", self.rank(), self.world())
    }
}
