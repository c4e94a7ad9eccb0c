//! As what the ranks of a set run.

use dinov3_ranks::Group;
use dinov3_reports::message::{Coverage, Remark};
use dinov3_reports::{Check, RanksOf, Verdict};
use dinov3_torch::device::Device;

use super::Judging;
use super::cases::{Case, Subject};
use crate::{Part, Ranks};

/// The ranks of a set, and as what a replay runs them: processes where the run has as many, else threads of one.
pub(super) fn of(suite: &dyn Judging, case: &Case, ranks: Option<&Ranks>) -> RanksOf {
    let world_size = case.golden.manifest().recipe.world_size;
    let shared = ranks.filter(|ranks| {
        suite.info().ranks == Part::WhereRecorded && world_size > 1 && ranks.all.size() == world_size as usize
    });
    RanksOf {
        world_size,
        processes: Some(if shared.is_some() { world_size } else { 1 }),
        backend: shared.map(|ranks| ranks.tensors.backend.to_string()),
    }
}

/// Whether the suite takes the ranks of a set, and takes them as threads.
fn are_threads(suite: &dyn Judging, run_as: &RanksOf) -> bool {
    suite.info().ranks == Part::WhereRecorded && run_as.as_threads()
}

/// What there is to say of ranks that run as threads although the run has several processes.
pub(super) fn as_threads(suite: &dyn Judging, run_as: &RanksOf, ranks: Option<&Ranks>) -> Option<Remark> {
    let processes = ranks.map(|ranks| ranks.all.size()).filter(|size| *size > 1)?;
    are_threads(suite, run_as)
        .then_some(Remark::RanksAsThreads { ranks: run_as.world_size, processes: processes as u32 })
}

/// The check of a set whose ranks would be threads that compute on one device. libtorch has one thread a device for all backward passes of a
/// process: the rank that it works for would wait within a collective for one that it does not reach.
pub(super) fn on_one_device(suite: &dyn Judging, case: &Case, ranks: Option<&Ranks>) -> Option<Check> {
    let Subject::Trainer { device, .. } = case.subject else { return None };
    let run_as = of(suite, case, ranks);
    let shared = device != Device::Cpu && are_threads(suite, &run_as);
    let reason = Coverage::RanksOnOneDevice { ranks: run_as.world_size }.into();
    shared.then(|| Check::new(case.id(&suite.info()), case.title(), Verdict::Skipped { reason }))
}
