//! What a run asks of the suites.

use std::ffi::OsString;
use std::path::PathBuf;

use dinov3_golden::manifest::Profile;
use dinov3_ranks::{Backend, Failure, PremulSum};
use dinov3_torch::device::Device;

use crate::defects::Plant;

/// What to judge, against what, and over what ranks exchange tensors.
#[derive(Clone, Debug)]
pub struct Request {
    /// Golden sets, or folders of them.
    pub golden: Vec<PathBuf>,
    /// How much.
    pub profile: Profile,
    /// Whose tensors.
    pub source: Source,
    /// What ranks exchange tensors over: see [`Backend::named`]. Default: what belongs to the trainer's device.
    pub backend: Option<String>,
    /// How a group comes by PREMUL_SUM. Default: as the backend has it.
    pub premul: Option<PremulSum>,
    /// This process's number among the ranks of its machine; 0 where it is none.
    pub local_rank: usize,
    /// What a suite starts as ranks where it needs some and there are none.
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

/// Whose tensors are judged.
#[derive(Clone, Debug)]
pub enum Source {
    /// Our own trainer's.
    Trainer {
        /// Where it computes.
        device: Device,
        /// A defect planted on purpose.
        plant: Option<Plant>,
    },
    /// Those of a set, or of a folder of sets, recorded elsewhere.
    Candidate(PathBuf),
}

impl Request {
    /// Whether `source` is the reference, as golden sets under these roots recorded it; without ranks.
    pub fn of_sets(golden: Vec<PathBuf>, profile: Profile, source: Source) -> Self {
        Self { golden, profile, source, backend: None, premul: None, local_rank: 0, worker: Worker::default() }
    }

    /// Where the trainer computes.
    pub fn device(&self) -> Device {
        match &self.source {
            Source::Trainer { device, .. } => *device,
            Source::Candidate(_) => Device::Cpu,
        }
    }

    /// What is planted, if anything is.
    pub fn plant(&self) -> Option<Plant> {
        match &self.source {
            Source::Trainer { plant, .. } => *plant,
            Source::Candidate(_) => None,
        }
    }

    /// The name or path of what ranks exchange tensors over.
    pub fn backend_name(&self) -> &str {
        match (&self.backend, self.device()) {
            (Some(name), _) => name,
            (None, Device::Cpu) => "gloo",
            (None, Device::Cuda(_)) => "nccl",
            // A plugin's path names its backend, so that its kind alone is refused.
            (None, device) => device.kind(),
        }
    }

    /// What ranks exchange tensors over.
    ///
    /// # Errors
    /// When it is not here, or is none.
    pub fn backend(&self) -> Result<Backend, Failure> {
        let own = self.device().index().unwrap_or(self.local_rank);
        Backend::named(self.backend_name(), own)
    }
}
