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
use std::time::{Duration, Instant};

use dinov3_golden::manifest::Profile;
use dinov3_model::dist::{Group, GroupError, Options, PremulSum, ProcessGroup};
use dinov3_model::fault::Fault;
use dinov3_reports::{Event, Reporter, Section};

use crate::SuiteError;
use crate::catalogue::REDUCE_OP;
use checks::{Found, World};
use format::{FORMATS, Format};
use grid::{Call, fillings, worlds};
use values::drawn_factor;

pub use workers::{RanksError, Workers, work};

/// For how long a collective waits for the others: in a small world they are still at work while those of a larger one wait. A rank that
/// is gone is noticed at once.
fn patience(profile: Profile) -> Duration {
    match profile {
        Profile::Quick => Duration::from_secs(120),
        Profile::Full => Duration::from_secs(900),
    }
}

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// How much.
    pub profile: Profile,
    /// How the group comes by PREMUL_SUM.
    pub premul: PremulSum,
    /// A defect planted in the collectives.
    pub fault: Option<Fault>,
    /// Of the numbers that look random, and of the factor.
    pub seed: u64,
}

impl Request {
    /// How ranks join to work on it.
    pub fn options(&self, rendezvous: Duration, collective: Duration) -> Options {
        Options { premul_sum: self.premul, fault: self.fault, ..Options::gloo(rendezvous, collective) }
    }
}

/// Where the ranks are.
#[derive(Debug)]
pub enum Place<'a> {
    /// This process is rank 0 of them; the others call [`take_part`].
    Ranks(&'a ProcessGroup),
    /// They are started for the suite.
    Workers(&'a Workers),
}

/// Runs the suite. A result that is wrong is a failing check.
///
/// # Errors
/// When the ranks cannot be started, one of them fails, and when `reporter` does.
pub fn run(request: &Request, place: &Place<'_>, reporter: &mut dyn Reporter) -> Result<(), SuiteError> {
    let started = Instant::now();
    reporter.event(&Event::SuiteStarted {
        suite: REDUCE_OP.name.to_owned(),
        group: Some(REDUCE_OP.group.to_owned()),
        proves: REDUCE_OP.proves.to_owned(),
        planned: checks::planned(),
    })?;
    let sections = match place {
        Place::Ranks(group) => lead(request, group, reporter)?,
        Place::Workers(workers) => workers.run(request, reporter)?,
    };
    let seconds = started.elapsed().as_secs_f64();
    reporter.event(&Event::SuiteFinished { suite: REDUCE_OP.name.to_owned(), sections, seconds })?;
    Ok(())
}

/// What ranks other than 0 do while that one runs the suite.
///
/// # Errors
/// When another rank is gone or late.
pub fn take_part(request: &Request, group: &ProcessGroup) -> Result<(), SuiteError> {
    let groups = split(group, patience(request.profile))?;
    for (call, format) in blocks() {
        measure_all(request, &groups, call, format, &mut |_| Ok(()))?;
    }
    if let Some(two) = of_steps(&groups) {
        steps::train(two, request.seed)?;
    }
    Ok(())
}

/// The group that takes training steps, for its members.
fn of_steps(groups: &[Option<ProcessGroup>]) -> Option<&ProcessGroup> {
    groups.iter().flatten().find(|group| group.size() == steps::RANKS)
}

/// Rank 0's part; gives the report's sections.
fn lead(request: &Request, group: &ProcessGroup, reporter: &mut dyn Reporter) -> Result<Vec<Section>, SuiteError> {
    let groups = split(group, patience(request.profile))?;
    let mut found = Found::new(request, group);
    for (call, format) in blocks() {
        let begun = Instant::now();
        let (id, title) = checks::of_block(call, format);
        reporter.event(&Event::CheckStarted { id, title, steps: Some(groups.len() as u64) })?;
        let told = &mut |done| reporter.event(&Event::Progress { done });
        let worlds = measure_all(request, &groups, call, format, told)?;
        let mut check = found.block(call, format, worlds);
        check.seconds = begun.elapsed().as_secs_f64();
        reporter.event(&Event::CheckFinished(check))?;
    }
    for call in Call::ALL {
        reporter.event(&Event::CheckFinished(found.factor_one(call)))?;
    }
    let begun = Instant::now();
    let (id, title) = checks::of_steps();
    reporter.event(&Event::CheckStarted { id, title, steps: None })?;
    let left = of_steps(&groups).map(|two| steps::train(two, request.seed)).transpose()?;
    let mut check = found.steps(left.as_deref());
    check.seconds = begun.elapsed().as_secs_f64();
    reporter.event(&Event::CheckFinished(check))?;
    Ok(sections::sections(&found))
}

fn blocks() -> impl Iterator<Item = (Call, Format)> {
    Call::ALL.into_iter().flat_map(|call| FORMATS.map(|format| (call, format)))
}

/// A group a world, of which this rank is in some.
fn split(group: &ProcessGroup, patience: Duration) -> Result<Vec<Option<ProcessGroup>>, GroupError> {
    let group_of = |world| group.new_group_with(&(0..world).collect::<Vec<_>>(), patience);
    worlds(group.size()).into_iter().map(group_of).collect()
}

/// The outcomes of all worlds that this rank is in; `told` how many there are after each.
fn measure_all(
    request: &Request,
    groups: &[Option<ProcessGroup>],
    call: Call,
    format: Format,
    told: &mut dyn FnMut(u64) -> io::Result<()>,
) -> Result<Vec<World>, SuiteError> {
    let (fillings, drawn) = (fillings(request.profile), drawn_factor(request.seed));
    let mut worlds = Vec::new();
    for group in groups.iter().flatten() {
        let outcomes = measure::measure(group, call, format, &fillings, request.seed, drawn)?;
        worlds.push(World { size: group.size(), outcomes });
        told(worlds.len() as u64)?;
    }
    Ok(worlds)
}
