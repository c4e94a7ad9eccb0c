//! A training that is taken under measurement, on one rank or all.

use std::fs;
use std::io;
use std::path::Path;

use dinov3_program::{Facts, Links, Live, Measure, Only, Outcome, Screen};
use dinov3_trajectory::timing::{Cadence, Clock};
use serde::{Deserialize, Serialize};

use super::asked::Resolved;
use super::machine::{self, Usage, Watching};
use super::recorder::{Recorder, Step};
use super::{Failure, card, device};
use crate::session::gather;
use crate::{Ranks, SuiteError};

/// What to take.
pub(super) struct Leg<'a> {
    pub(super) resolved: &'a Resolved,
    pub(super) steps: u64,
    pub(super) folder: &'a Path,
    /// All ranks; none for a process alone.
    pub(super) ranks: Option<&'a Ranks>,
}

/// What was taken, seen from this rank.
pub(super) struct Taken {
    pub(super) facts: Facts,
    pub(super) steps: Vec<Step>,
    pub(super) cadence: Cadence,
    /// The text log.
    pub(super) log: Vec<u8>,
    pub(super) clock: Clock,
    /// What the accelerator said of itself before the training and right behind it.
    pub(super) card: [Option<String>; 2],
    /// The share of this machine's cores that others used, and the number of cores.
    pub(super) others: Option<(f64, f64)>,
    /// Bytes that this rank has sent.
    pub(super) sent: u64,
    /// Joules of this machine's processors.
    pub(super) energy: Option<f64>,
    /// Joules of this rank's card.
    pub(super) energy_device: Option<f64>,
    /// How often the host waited for the device in a step behind the warm-up.
    pub(super) waits: Option<f64>,
    /// The most memory of a rank, in bytes.
    pub(super) peak_memory: Option<u64>,
    /// The most memory that tensors of this rank have had on its device, in bytes.
    pub(super) peak_memory_device: Option<u64>,
}

/// What a rank tells the others behind the training.
#[derive(Serialize, Deserialize)]
struct Told {
    host: String,
    ticks: u64,
    peak_memory: Option<u64>,
}

impl Leg<'_> {
    /// Trains. `tell` hears now and then how many steps are done.
    ///
    /// # Errors
    /// When the training ends before its end.
    pub(super) fn take(&self, tell: &mut dyn FnMut(u64) -> io::Result<()>) -> Result<Taken, SuiteError> {
        let resolved = self.resolved;
        let links = match self.ranks {
            Some(ranks) => Links::over(&ranks.all, &ranks.trains).map_err(Failure::from)?,
            None => Links::alone(),
        };
        let plan = resolved.plan(self.folder, self.steps, links.world())?;
        let warm_up = cadence(None, self.steps).warm_up;
        let mut recorder = Recorder::new(resolved.device, resolved.synchronised(warm_up), resolved.delay);
        let (sent, energy, before) = (self.sent(), machine::energy(), card::state(resolved.device));
        let (usage, watching) = (Usage::now(), Watching::start());
        let mut told = Ok(());
        let live = Steps { tell, told: &mut told, each: (self.steps / 100).max(1) };
        let measure = Measure { by: &mut recorder, only: resolved.only };
        let screen = Screen { live: Some(Box::new(live)), aside: None, quiet: true, measure: Some(measure) };
        let outcome = plan.train(&links, screen);
        let (mut clock, after) = (watching.stop(), Usage::now());
        let behind = card::state(resolved.device);
        if behind.as_ref().is_some_and(|card| card.held_back) {
            clock.events = Some(clock.events.unwrap_or(0) + 1);
        }
        let outcome = outcome.map_err(Failure::from)?;
        told?;
        match outcome {
            Outcome::Stopped { it, .. } if (it as u64) < self.steps => return Err(Failure::Stopped(it).into()),
            Outcome::Stopped { .. } | Outcome::Done => {}
        }
        let waits = recorder.waits();
        let Recorder { failed, facts, steps, .. } = recorder;
        if let Some(error) = failed {
            return Err(Failure::Device(Box::new(error)).into());
        }
        let facts = facts.ok_or(Failure::NoStep(self.steps))?;
        let ticks = after.zip(usage).map_or(0, |(after, before)| after.own_since(&before));
        let (ticks, peak_memory) = self.all_ranks(ticks)?;
        let others = after
            .zip(usage)
            .and_then(|(after, before)| Some((after.others_since(&before, ticks)?, after.cores as f64)));
        Ok(Taken {
            cadence: cadence(Some(&facts), self.steps),
            log: self.log()?,
            clock,
            energy_device: before
                .as_ref()
                .zip(behind.as_ref())
                .and_then(|(before, behind)| behind.joules_since(before)),
            waits,
            card: [before, behind].map(|card| card.map(|card| card.said)),
            others,
            sent: self.sent() - sent,
            energy: machine::energy().zip(energy).map(|(after, before)| after - before).filter(|used| *used > 0.0),
            peak_memory,
            peak_memory_device: device::peak_memory(resolved.device),
            facts,
            steps,
        })
    }

    /// Of all ranks: the processor time of those on this machine, and the most memory.
    fn all_ranks(&self, ticks: u64) -> Result<(u64, Option<u64>), SuiteError> {
        let own = Told { host: machine::host(), ticks, peak_memory: machine::peak_memory() };
        let Some(ranks) = self.ranks else { return Ok((ticks, own.peak_memory)) };
        let all = gather(&ranks.all, &own)?;
        let here = all.iter().filter(|told| told.host == own.host).map(|told| told.ticks).sum();
        Ok((here, all.iter().filter_map(|told| told.peak_memory).max()))
    }

    fn sent(&self) -> u64 {
        self.ranks.map_or(0, |ranks| ranks.all.bytes_sent())
    }

    /// The text log; none where nothing is computed.
    fn log(&self) -> Result<Vec<u8>, Failure> {
        match self.resolved.only {
            Only::Data => Ok(Vec::new()),
            Only::Everything | Only::Compute => {
                fs::read(self.folder.join("logs").join("log.txt")).map_err(Failure::Log)
            }
        }
    }
}

/// Which of so many steps do not count.
fn cadence(facts: Option<&Facts>, steps: u64) -> Cadence {
    let (evaluation, checkpoint) = facts.map_or((0, 0), |facts| (facts.evaluation, facts.checkpoint));
    // Nothing is collected here; the reference's figure leaves the same steps out.
    Cadence { evaluation, checkpoint, ..Cadence::published(steps) }
}

/// Tells how far a training is, a hundred times.
struct Steps<'a> {
    tell: &'a mut dyn FnMut(u64) -> io::Result<()>,
    told: &'a mut io::Result<()>,
    each: u64,
}

impl Live for Steps<'_> {
    fn show(&mut self, _: &str) {}

    fn done(&mut self, iterations: usize) {
        if (iterations as u64).is_multiple_of(self.each) && self.told.is_ok() {
            *self.told = (self.tell)(iterations as u64);
        }
    }
}
