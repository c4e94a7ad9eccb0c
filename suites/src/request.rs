//! The request of a run to the suites.

use std::ffi::OsString;
use std::path::PathBuf;

use dinov3_golden::manifest::Profile;
use dinov3_ranks::{Backend, Failure, PremulSum};
use dinov3_torch::device::Device;

use crate::choice::Choice;
use crate::defects::Plant;
use crate::performance;
use crate::trajectory::Runs;

/// The tensors to judge, the golden sets, and the exchange between ranks.
#[derive(Clone, Debug)]
pub struct Request {
    /// Golden sets, or folders of them.
    pub golden: Vec<PathBuf>,
    /// The amount of work.
    pub profile: Profile,
    /// The tensors to judge.
    pub source: Source,
    /// The backend, as in [`Backend::named`]. Default: the backend of the trainer's device.
    pub backend: Option<String>,
    /// The way to get PREMUL_SUM. Default: the backend's.
    pub premul: Option<PremulSum>,
    /// The number of this process among the ranks of its machine; 0 if it is no rank.
    pub local_rank: usize,
    /// Which checks are asked for, and what a candidate may lack or call otherwise.
    pub choice: Choice,
    /// The runs that the suite `trajectory` holds against each other.
    pub runs: Runs,
    /// What the suite `performance` measures.
    pub performance: performance::Asked,
    /// The program that a suite starts as ranks if it needs some and the run has none.
    pub worker: Worker,
}

/// A program that hands its last argument to [`crate::reduce_op::work`].
#[derive(Clone, Debug, Default)]
pub struct Worker {
    /// The program.
    pub program: PathBuf,
    /// Its arguments before the last.
    pub arguments: Vec<OsString>,
}

/// The tensors to judge.
#[derive(Clone, Debug)]
pub enum Source {
    /// Those of the trainer.
    Trainer {
        /// The device.
        device: Device,
        /// A defect planted on purpose.
        plant: Option<Plant>,
    },
    /// Those of sets, or folders of sets, that were recorded elsewhere. At least one.
    Candidate(Vec<PathBuf>),
}

impl Request {
    /// A request to judge `source` against the golden sets under these roots, without ranks.
    pub fn of_sets(golden: Vec<PathBuf>, profile: Profile, source: Source) -> Self {
        Self {
            golden,
            profile,
            source,
            backend: None,
            premul: None,
            local_rank: 0,
            choice: Choice::default(),
            runs: Runs::default(),
            performance: performance::Asked::default(),
            worker: Worker::default(),
        }
    }

    /// The trainer's device.
    pub fn device(&self) -> Device {
        match &self.source {
            Source::Trainer { device, .. } => *device,
            Source::Candidate(_) => Device::Cpu,
        }
    }

    /// The planted defect, if there is one.
    pub fn plant(&self) -> Option<Plant> {
        match &self.source {
            Source::Trainer { plant, .. } => *plant,
            Source::Candidate(_) => None,
        }
    }

    /// The name or path of the backend.
    pub fn backend_name(&self) -> &str {
        self.backend.as_deref().unwrap_or_else(|| Backend::name_for(self.device()))
    }

    /// The backend.
    ///
    /// # Errors
    /// If this build or this machine has no such backend.
    pub fn backend(&self) -> Result<Backend, Failure> {
        let own = self.device().index().unwrap_or(self.local_rank);
        Backend::named(self.backend_name(), own)
    }
}
