//! Suite `reduce-op`: SUM, PREMUL_SUM and AVG on real collectives, against exact sums.
//!
//! FSDP2 reduces gradients by PREMUL_SUM at factor 1, and ports substitute SUM for it. The substitution is right only at factor 1, and a check
//! at factor 1 alone passes on a backend without the op. Therefore the suite tries every factor, and holds each result against an exact sum.
//! Each rank computes the tensors of all ranks and judges its own result; rank 0 gathers the findings and reports them.

mod checks;
mod exact;
mod format;
mod grid;
mod measure;
mod sections;
mod steps;
mod values;
mod workers;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dinov3_golden::manifest::Profile;
use dinov3_ranks::launch;
use dinov3_ranks::{Backend, Failure, Group, GroupError, GroupOptions, PremulSum, ProcessGroup};
use dinov3_reports::{Bilingual, Event, Reporter, Section};
use dinov3_torch::device::Device;

use crate::defects::Plant;
use crate::session::{self, Session};
use crate::{Part, Plan, Source, Suite, SuiteError, SuiteInfo};
use checks::{Found, World};
use format::{FORMATS, Format};
use grid::{Call, fillings, worlds};
use steps::Trained;
use values::drawn_factor;

pub use workers::{RanksError, Workers, work};

/// The time that a collective waits for the other ranks. Ranks of a small world are still at work while those of a larger one wait. A rank
/// that is gone is noticed at once over Gloo, and within this time over any backend.
pub fn patience(profile: Profile) -> Duration {
    match profile {
        Profile::Quick => Duration::from_secs(120),
        Profile::Full => Duration::from_secs(900),
    }
}

pub(crate) const INFO: SuiteInfo = SuiteInfo {
    name: "reduce-op",
    group: "precision",
    proves: Bilingual {
        en: "SUM, PREMUL_SUM at any factor and AVG give the exact sum, rounded as their definition says, and the same bits on every rank; \
             PREMUL_SUM equals SUM only for factor 1",
        zh: "SUM、任意系数的 PREMUL_SUM 与 AVG 的结果均为按其定义舍入的精确和，且各 rank 二进制一致；仅当系数为 1 时 PREMUL_SUM 才等同于 SUM",
    },
    ranks: Part::Judged,
};

/// The request to this suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The amount of work.
    pub profile: Profile,
    /// The backend: its name, or the path of its plugin, as in [`Backend::named`].
    pub backend: String,
    /// The index of the device on this machine. Default: the rank's number on the machine.
    pub device: Option<usize>,
    /// The way to get PREMUL_SUM. Default: the backend's.
    pub premul: Option<PremulSum>,
    /// A defect planted in the collectives that are judged.
    pub plant: Option<Plant>,
    /// The seed of the random numbers and of the drawn factor.
    pub seed: u64,
}

/// The seed of every run, so that a failure can be repeated.
const SEED: u64 = 20_251_125;

impl Request {
    /// The part of `request` for this suite.
    fn of(request: &crate::Request) -> Result<Self, SuiteError> {
        let nothing = |why| SuiteError::NothingToReduce { why };
        let (device, plant) = match request.source {
            Source::Candidate(_) => return Err(nothing("it judges no recordings")),
            Source::Trainer { device, plant } => (device, plant),
        };
        // A run without ranks starts some, each for the device of its own number.
        let device = match device {
            Device::Cuda(index) | Device::Plugin { index, .. } if launch::is_a_rank() => Some(index),
            _ => None,
        };
        Ok(Self {
            profile: request.profile,
            backend: request.backend_name().to_owned(),
            device,
            premul: request.premul,
            plant,
            seed: SEED,
        })
    }

    /// The ranks of a run, which the suite judges.
    fn tested_by<'a>(&self, ranks: &'a session::Ranks) -> Ranks<'a> {
        let tested = GroupOptions { timeout: patience(self.profile), ..ranks.tensors };
        Ranks { all: &ranks.all, tested }
    }

    /// The options of the group that is judged. `local_rank` counts the ranks on this machine.
    ///
    /// # Errors
    /// If this build or this machine has no such backend.
    pub fn group_options(&self, local_rank: usize) -> Result<GroupOptions, Failure> {
        let backend = Backend::named(&self.backend, self.device.unwrap_or(local_rank))?;
        let options = GroupOptions::over(backend, patience(self.profile));
        Ok(GroupOptions { premul_sum: self.premul.unwrap_or(options.premul_sum), ..options })
    }
}

/// Ranks to run on, seen from one of them.
#[derive(Clone, Copy, Debug)]
pub struct Ranks<'a> {
    /// The group of all ranks. Findings go over this group, not over the one that is judged.
    pub all: &'a ProcessGroup,
    /// The options of the group that is judged.
    pub tested: GroupOptions,
}

/// The suite.
#[derive(Clone, Copy, Debug)]
pub struct ReduceOp;

impl Suite for ReduceOp {
    fn info(&self) -> SuiteInfo {
        INFO
    }

    fn plan<'a>(&'a self, request: &crate::Request, session: &Session) -> Result<Box<dyn Plan + 'a>, SuiteError> {
        let asked = Request::of(request)?;
        let place = match session.ranks() {
            Some(_) => Place::Ranks,
            None => Place::Workers(Workers::of(request)?),
        };
        Ok(Box::new(Reductions { asked, place }))
    }
}

/// The origin of the ranks.
#[derive(Debug)]
enum Place {
    /// The ranks of the run.
    Ranks,
    /// Ranks that the suite starts.
    Workers(Workers),
}

/// The plan of the suite.
struct Reductions {
    asked: Request,
    place: Place,
}

impl Plan for Reductions {
    fn checks(&self) -> Vec<String> {
        checks::planned()
    }

    fn lead(&self, session: &Session, reporter: &mut dyn Reporter) -> Result<Vec<Section>, SuiteError> {
        match (&self.place, session.ranks()) {
            (Place::Workers(workers), _) => workers.run(&self.asked, reporter),
            (Place::Ranks, Some(ranks)) => lead(&self.asked, self.asked.tested_by(ranks), reporter),
            (Place::Ranks, None) => Err(RanksError::Alone.into()),
        }
    }

    fn follow(&self, session: &Session) -> Result<(), SuiteError> {
        match session.ranks() {
            Some(ranks) => take_part(&self.asked, self.asked.tested_by(ranks)),
            None => Err(RanksError::Alone.into()),
        }
    }
}

/// Runs the suite on ranks that are started for it. A result that is wrong is a failing check.
///
/// # Errors
/// If the ranks cannot be started, one of them fails, or `reporter` fails.
pub fn run(request: &Request, workers: &Workers, reporter: &mut dyn Reporter) -> Result<(), SuiteError> {
    let plan = Reductions { asked: request.clone(), place: Place::Workers(workers.clone()) };
    Session::alone().lead(&[(INFO, Box::new(plan))], reporter)
}

/// The part of ranks other than 0.
fn take_part(request: &Request, ranks: Ranks<'_>) -> Result<(), SuiteError> {
    let worlds = Tested::split(request, ranks)?;
    for (call, format) in blocks() {
        measure_all(request, &worlds, call, format, &mut |_| Ok(()))?;
    }
    if let Some(two) = of_steps(&worlds) {
        steps::train(two, request.seed)?;
    }
    Ok(())
}

/// The world that takes training steps, for its members.
fn of_steps(worlds: &[Tested]) -> Option<&Tested> {
    worlds.iter().find(|world| world.group.size() == steps::RANKS)
}

/// Rank 0's part; gives the report's sections.
fn lead(request: &Request, ranks: Ranks<'_>, reporter: &mut dyn Reporter) -> Result<Vec<Section>, SuiteError> {
    let worlds = Tested::split(request, ranks)?;
    let mut found = Found::new(request, ranks);
    for (call, format) in blocks() {
        let begun = Instant::now();
        let (id, title) = checks::of_block(call, format);
        reporter.event(&Event::CheckStarted { id, title, steps: Some(worlds.len() as u64) })?;
        let told = &mut |done| reporter.event(&Event::Progress { done });
        let outcomes = measure_all(request, &worlds, call, format, told)?;
        let mut check = found.block(call, format, outcomes);
        check.seconds = begun.elapsed().as_secs_f64();
        reporter.event(&Event::CheckFinished { check })?;
    }
    for call in Call::ALL {
        reporter.event(&Event::CheckFinished { check: found.factor_one(call) })?;
    }
    let begun = Instant::now();
    let (id, title) = checks::of_steps();
    reporter.event(&Event::CheckStarted { id, title, steps: None })?;
    let trained = match of_steps(&worlds) {
        Some(two) => steps::train(two, request.seed)?,
        None => Trained::TooFewRanks,
    };
    let mut check = found.steps(&trained);
    check.seconds = begun.elapsed().as_secs_f64();
    reporter.event(&Event::CheckFinished { check })?;
    Ok(sections::sections(&found))
}

fn blocks() -> impl Iterator<Item = (Call, Format)> {
    Call::ALL.into_iter().flat_map(|call| FORMATS.map(|format| (call, format)))
}

/// A world: some ranks, this one among them.
struct Tested {
    /// The group that is judged.
    group: Arc<dyn Group>,
    /// The backend of that group.
    backend: Backend,
    /// The same ranks, connected over Gloo for their findings.
    control: ProcessGroup,
}

impl Tested {
    /// Every world that this rank is in.
    fn split(request: &Request, ranks: Ranks<'_>) -> Result<Vec<Self>, GroupError> {
        let Ranks { all, tested } = ranks;
        let control = GroupOptions::over(Backend::Gloo, tested.timeout);
        let world = |size| {
            let members: Vec<usize> = (0..size).collect();
            let (control, group) = (all.new_group_with(&members, control)?, all.new_group_with(&members, tested)?);
            let planted = |group: ProcessGroup| -> Arc<dyn Group> {
                match request.plant {
                    Some(plant) => plant.group(Arc::new(group)),
                    None => Arc::new(group),
                }
            };
            let backend = tested.backend;
            Ok(control.zip(group).map(|(control, group)| Self { group: planted(group), backend, control }))
        };
        let worlds: Result<Vec<Option<Self>>, GroupError> = worlds(all.size()).into_iter().map(world).collect();
        Ok(worlds?.into_iter().flatten().collect())
    }
}

/// The outcomes of all worlds that this rank is in. `told` gets the number of finished worlds after each.
fn measure_all(
    request: &Request,
    worlds: &[Tested],
    call: Call,
    format: Format,
    told: &mut dyn FnMut(u64) -> io::Result<()>,
) -> Result<Vec<World>, SuiteError> {
    let (fillings, drawn) = (fillings(request.profile), drawn_factor(request.seed));
    let mut measured = Vec::new();
    for world in worlds {
        let outcomes = measure::measure(world, call, format, &fillings, request.seed, drawn)?;
        measured.push(World { size: world.group.size(), outcomes });
        told(measured.len() as u64)?;
    }
    Ok(measured)
}
