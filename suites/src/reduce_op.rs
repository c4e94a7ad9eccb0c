//! Suite `reduce-op`: SUM, PREMUL_SUM and AVG on real collectives, against exact sums.
//!
//! FSDP2 reduces gradients by PREMUL_SUM at factor 1, and ports substitute SUM for it. That is right only at factor 1, and a check made only
//! there passes on a backend that never had the op: so every factor is tried, and the result held against a sum that is exact. Each rank
//! computes what all ranks sent, and judges its own result; rank 0 gathers the findings and tells of them.

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

/// For how long a collective waits for the others: in a small world they are still at work while those of a larger one wait. A rank that
/// is gone is noticed at once over Gloo, and by then over any backend.
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

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// How much.
    pub profile: Profile,
    /// What carries the collectives, by its name or by the path of its plugin: see [`Backend::named`].
    pub backend: String,
    /// Which device of this machine; unless given, the one of the rank's number on it.
    pub device: Option<usize>,
    /// How the group comes by PREMUL_SUM; as the backend has it unless given.
    pub premul: Option<PremulSum>,
    /// A defect planted in the collectives that are judged.
    pub plant: Option<Plant>,
    /// Of the numbers that look random, and of the factor.
    pub seed: u64,
}

/// What the suite makes up is the same in every run, so that a failure can be had again.
const SEED: u64 = 20_251_125;

impl Request {
    /// What `request` asks of this suite.
    fn of(request: &crate::Request) -> Result<Self, SuiteError> {
        let nothing = |why| SuiteError::NothingToReduce { why };
        let (device, plant) = match request.source {
            Source::Candidate(_) => return Err(nothing("it judges no recordings")),
            Source::Trainer { device, plant } => (device, plant),
        };
        // Without ranks, the suite starts some, each for the device of its own number.
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

    /// The ranks of a run, to be judged.
    fn tested_by<'a>(&self, ranks: &'a session::Ranks) -> Ranks<'a> {
        let tested = GroupOptions { timeout: patience(self.profile), ..ranks.tensors };
        Ranks { all: &ranks.all, tested }
    }

    /// How the ranks exchange what is judged; `local_rank` counts them on this machine.
    ///
    /// # Errors
    /// When there is no such backend here.
    pub fn group_options(&self, local_rank: usize) -> Result<GroupOptions, Failure> {
        let backend = Backend::named(&self.backend, self.device.unwrap_or(local_rank))?;
        let options = GroupOptions::over(backend, patience(self.profile));
        Ok(GroupOptions { premul_sum: self.premul.unwrap_or(options.premul_sum), ..options })
    }
}

/// Ranks to run on, seen from one of them.
#[derive(Clone, Copy, Debug)]
pub struct Ranks<'a> {
    /// All of them. What they find out goes over this group, not over the one that is judged.
    pub all: &'a ProcessGroup,
    /// How they exchange what is judged.
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

/// Where the ranks are.
#[derive(Debug)]
enum Place {
    /// Those of the run.
    Ranks,
    /// They are started for the suite.
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
/// When the ranks cannot be started, one of them fails, and when `reporter` does.
pub fn run(request: &Request, workers: &Workers, reporter: &mut dyn Reporter) -> Result<(), SuiteError> {
    let plan = Reductions { asked: request.clone(), place: Place::Workers(workers.clone()) };
    Session::alone().lead(&[(INFO, Box::new(plan))], reporter)
}

/// What ranks other than 0 do while that one runs the suite.
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

/// A world: some ranks, and this is one of them.
struct Tested {
    /// What is judged.
    group: Arc<dyn Group>,
    /// What carries it.
    backend: Backend,
    /// The same ranks, connected by what is not.
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

/// The outcomes of all worlds that this rank is in; `told` how many there are after each.
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
