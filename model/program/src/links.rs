//! The ranks of a training, connected once for each of those who talk at the same time.

use std::ops::Range;
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
    /// What the trainers of a student exchange, on the device that they compute on.
    pub(crate) trains: Arc<dyn Group>,
    /// What the writers of its checkpoints exchange, on the host.
    pub(crate) saves: Arc<dyn Group>,
    /// What its loops tell each other, on the host.
    pub(crate) talks: Arc<dyn Group>,
    /// What the trainers of all students exchange.
    pub(crate) shares: Arc<dyn Group>,
    /// What the loops of all students tell each other.
    pub(crate) meets: Arc<dyn Group>,
    /// How this process was started.
    pub(crate) job: Job,
}

impl Links {
    /// The ranks of `job`, whose trainers compute on `device`; alone where this process was not started as a rank.
    ///
    /// # Errors
    /// When a variable is malformed, another rank does not come, or nothing exchanges tensors of that device.
    pub fn open(device: Device, job: Job) -> Result<Self, ProgramError> {
        Self::of_students(device, job, &[])
    }

    /// The same for several students, each with the ranks given for it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn of_students(device: Device, job: Job, students: &[Range<usize>]) -> Result<Self, ProgramError> {
        let Some(env) = job.env() else {
            let alone = || Arc::new(Alone) as Arc<dyn Group>;
            let (shares, meets) = (alone(), alone());
            return Ok(Self { trains: alone(), saves: alone(), talks: alone(), shares, meets, job });
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
        let saves: Arc<dyn Group> = Arc::new(split(all.options())?);
        let trains: Arc<dyn Group> = Arc::new(split(GroupOptions::over(backend, wait))?);
        let meets: Arc<dyn Group> = Arc::new(all.clone());
        let talks = Arc::clone(&meets);
        let mut links = Self { shares: Arc::clone(&trains), trains, saves, talks, meets, job };
        for ranks in students {
            let members: Vec<usize> = ranks.clone().collect();
            // Every rank makes the groups of all students.
            let trains = all.new_group_with(&members, GroupOptions::over(backend, wait))?;
            let (saves, talks) = (all.new_group(&members)?, all.new_group(&members)?);
            if let (Some(trains), Some(saves), Some(talks)) = (trains, saves, talks) {
                (links.trains, links.saves, links.talks) = (Arc::new(trains), Arc::new(saves), Arc::new(talks));
            }
        }
        Ok(links)
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
        let (trains, meets): (Arc<dyn Group>, Arc<dyn Group>) = (Arc::new(trains.clone()), Arc::new(all.clone()));
        let (shares, talks) = (Arc::clone(&trains), Arc::clone(&meets));
        Ok(Self { trains, saves: Arc::new(saves), talks, shares, meets, job })
    }

    /// This process alone, whatever it was started as.
    pub fn alone() -> Self {
        let alone = || Arc::new(Alone) as Arc<dyn Group>;
        let (shares, meets) = (alone(), alone());
        Self { trains: alone(), saves: alone(), talks: alone(), shares, meets, job: Job::Manual }
    }

    /// The number of ranks.
    pub fn world(&self) -> usize {
        self.meets.size()
    }
}
