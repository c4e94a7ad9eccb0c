//! The ranks of a training, connected once for each of those who talk at the same time.

use std::sync::Arc;
use std::time::Duration;

use dinov3_ranks::{Alone, Backend, Collective, Env, Failure, Group, GroupError, GroupOptions, Options, ProcessGroup};
use dinov3_torch::device::Device;

use crate::{Job, ProgramError};

/// For how long a collective waits for the others, which are at the same step, unless the environment has another time.
const STEP: Duration = Duration::from_secs(30 * 60);

/// The ranks of a training, connected once for each of those who talk at the same time.
#[derive(Clone, Debug)]
pub struct Links {
    /// What trainers exchange, on the device that they compute on.
    pub(crate) trains: Arc<dyn Group>,
    /// What the writers of checkpoints exchange, on the host.
    pub(crate) saves: Arc<dyn Group>,
    /// What the loops tell each other, on the host.
    pub(crate) talks: Arc<dyn Group>,
    /// How this process was started.
    pub(crate) job: Job,
}

impl Links {
    /// The ranks of `job`, whose trainers compute on `device`; alone where this process was not started as a rank.
    ///
    /// # Errors
    /// When a variable is malformed, another rank does not come, or nothing exchanges tensors of that device.
    pub fn open(device: Device, job: Job) -> Result<Self, ProgramError> {
        let Some(env) = job.env() else {
            let alone = || Arc::new(Alone) as Arc<dyn Group>;
            return Ok(Self { trains: alone(), saves: alone(), talks: alone(), job });
        };
        let wait = Env::collective()?.unwrap_or(STEP);
        let all = ProcessGroup::join(env, Options::new(env.patience, wait))?;
        let rank = env.rank;
        let refused = |failure| GroupError { rank, collective: Collective::NewGroup, failure };
        let backend = Backend::named(Backend::name_for(device), device.index().unwrap_or(0)).map_err(refused)?;
        let split = |options| {
            let message = "this rank is none of its own run".to_owned();
            all.new_group_with(all.members(), options)?.ok_or_else(|| refused(Failure::Mismatch { message }))
        };
        let saves = split(all.options())?;
        let trains = split(GroupOptions::over(backend, wait))?;
        Ok(Self { trains: Arc::new(trains), saves: Arc::new(saves), talks: Arc::new(all), job })
    }

    /// The ranks of `all`, who are connected already, and whose trainers exchange tensors over `trains`.
    ///
    /// # Errors
    /// When a variable is malformed, or a rank is gone.
    pub fn over(all: &ProcessGroup, trains: &ProcessGroup) -> Result<Self, ProgramError> {
        let rank = all.rank();
        let message = "this rank is none of its own run".to_owned();
        let refused = |failure| GroupError { rank, collective: Collective::NewGroup, failure };
        let saves = all.new_group(all.members())?.ok_or_else(|| refused(Failure::Mismatch { message }))?;
        let job = Job::of_environment()?;
        Ok(Self { trains: Arc::new(trains.clone()), saves: Arc::new(saves), talks: Arc::new(all.clone()), job })
    }

    /// This process alone, whatever it was started as.
    pub fn alone() -> Self {
        let alone = || Arc::new(Alone) as Arc<dyn Group>;
        Self { trains: alone(), saves: alone(), talks: alone(), job: Job::Manual }
    }

    /// The number of ranks.
    pub fn world(&self) -> usize {
        self.talks.size()
    }
}
