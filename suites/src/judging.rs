//! What the suites share that hold tensors against golden sets: the choice of sets, the judgement of every tensor as it appears,
//! and the events that tell of it.

pub mod by_layer;
mod cases;
mod findings;
mod hook;
pub mod pipeline;
pub mod recipe;
pub mod replay;
pub mod rules;
pub mod sections;
mod start;
pub mod words;

use std::collections::HashMap;
use std::io;
use std::time::Instant;

use dinov3_golden::{Expectation, Fingerprint, GoldenSet, Judge, Manifest, SetJudgement};
use dinov3_reports::message::{self, Remark};
use dinov3_reports::{Check, Event, Finding, Reporter, Section, Verdict};
use dinov3_torch::device::{self, Device, DeviceFailure};
use dinov3_torch::runtime;
use dinov3_vit::hook::Hook;

use crate::defects::Plant;
use crate::forced::{self, Forced, Kept, Recording};
use crate::{Plan, Ranks, Request, Session, Suite, SuiteError, SuiteInfo};
use cases::{Case, Subject};
use hook::JudgingHook;
use replay::{Notes, Replay, this_machine};

/// A suite that judges tensors: which sets it takes, and how it repeats what they recorded.
pub trait Judging: Sync {
    /// How the command line lists it.
    fn info(&self) -> SuiteInfo;

    /// Whether a set recorded anything that this suite judges.
    fn takes(&self, manifest: &Manifest) -> bool;

    /// What is worth knowing of a set, such as what its recipe asks for in vain.
    ///
    /// # Errors
    /// When the recipe cannot be replayed.
    fn remarks(&self, set: &GoldenSet) -> Result<Vec<Remark>, SuiteError>;

    /// Refuses a candidate that cannot be held against `golden` for a reason that its recipe does not show.
    ///
    /// # Errors
    /// When it is so.
    fn check_candidate(&self, _golden: &GoldenSet, _candidate: &GoldenSet) -> Result<(), SuiteError> {
        Ok(())
    }

    /// What our own trainer must reach `here` of what was recorded under other circumstances.
    fn expectation(&self, recorded: &Fingerprint, here: &Fingerprint) -> Expectation {
        Expectation::of(recorded, here)
    }

    /// Repeats what `set` recorded through our own trainer and shows every tensor to `hook`, behind what is planted. With `ranks`, this process is rank 0
    /// of them.
    ///
    /// # Errors
    /// When the recipe cannot be replayed, an input is missing or misshapen, or another rank is gone.
    fn replay(
        &self,
        set: &GoldenSet,
        replay: &Replay,
        ranks: Option<&Ranks>,
        hook: &mut dyn Hook,
    ) -> Result<(), SuiteError>;

    /// The part of every other rank in [`Judging::replay`]: none, unless the suite says so.
    ///
    /// # Errors
    /// As there.
    fn follow(&self, _set: &GoldenSet, _replay: &Replay, _ranks: &Ranks) -> Result<(), SuiteError> {
        Ok(())
    }

    /// The tables and plots of the report.
    fn sections(&self, judgements: &[SetJudgement]) -> Vec<Section>;
}

impl<J: Judging> Suite for J {
    fn info(&self) -> SuiteInfo {
        Judging::info(self)
    }

    fn plan<'a>(&'a self, request: &Request, _session: &Session) -> Result<Box<dyn Plan + 'a>, SuiteError> {
        Ok(Box::new(Cases { suite: self, cases: cases::of(self, request)? }))
    }
}

/// The comparisons that a request asks of a suite.
struct Cases<'a> {
    suite: &'a dyn Judging,
    cases: Vec<Case>,
}

impl Plan for Cases<'_> {
    fn checks(&self) -> Vec<String> {
        self.cases.iter().map(|case| case.id(&self.suite.info())).collect()
    }

    fn lead(&self, session: &Session, reporter: &mut dyn Reporter) -> Result<Vec<Section>, SuiteError> {
        let (mut judgements, mut replayed) = (Vec::new(), Vec::new());
        for case in &self.cases {
            let (judgement, forced) = run_case(self.suite, case, session.ranks(), reporter)?;
            replayed.extend(forced.map(|forced| (judgement.set.clone(), judgement.precision, forced)));
            judgements.push(judgement);
        }
        let mut sections = self.suite.sections(&judgements);
        let after_what_was_expected = sections.len().min(1);
        sections.splice(after_what_was_expected..after_what_was_expected, forced::results::section(&replayed));
        Ok(sections)
    }

    fn follow(&self, session: &Session) -> Result<(), SuiteError> {
        let Some(ranks) = session.ranks() else { return Ok(()) };
        for Case { golden, precision, recorded, subject } in &self.cases {
            if let Subject::Trainer { device, plant } = *subject {
                runtime::set_threads(recorded.threads);
                device::set_tf32(device, false);
                // Whether all steps are taken is rank 0's to say.
                let notes = Notes::default();
                let replay = Replay { precision: *precision, device, plant, free_run: false, notes };
                device::caught(|| self.suite.follow(golden, &replay, ranks))
                    .unwrap_or_else(|it| failed(it, device, None))?;
            }
        }
        Ok(())
    }
}

fn run_case(
    suite: &dyn Judging,
    case: &Case,
    ranks: Option<&Ranks>,
    reporter: &mut dyn Reporter,
) -> Result<(SetJudgement, Option<Forced>), SuiteError> {
    let started = Instant::now();
    let id = case.id(&suite.info());
    let entries = case.golden.manifest().entries.len() as u64;
    reporter.event(&Event::CheckStarted { id: id.clone(), title: case.title().into(), steps: Some(entries) })?;
    let (judgement, forced, plant) = match &case.subject {
        Subject::Trainer { device, plant } => {
            let (judgement, kept) = judge_trainer(suite, case, (*device, *plant), ranks, reporter)?;
            let forced = replay_by_itself(case, &case.golden, kept, &judgement)?;
            (judgement, forced, *plant)
        }
        Subject::Candidate { set, recorded } => {
            if let Some(remark) = start::remark(set) {
                let set = set.manifest().name.clone();
                reporter.event(&Event::Note { note: message::Judging::Remark { set, remark }.into() })?;
            }
            let judgement = judge_candidate(case, set, recorded, reporter)?;
            let forced = replay_by_itself(case, set, HashMap::new(), &judgement)?;
            (judgement, forced, None)
        }
        Subject::ByItself { set, recorded } => {
            let forced = forced::judge(&case.golden, case.precision, &Recording::of(set, case.precision)?)?;
            (nothing_judged(case, recorded), Some(forced), None)
        }
    };
    let others = match &case.subject {
        Subject::Candidate { recorded, .. } => start::other_weights(&case.golden, &judgement, forced.as_ref())
            .map(|first| start::told(&case.golden, &first, (&case.recorded, recorded))),
        _ => None,
    };
    // Other weights to begin with explain everything after them.
    let forced = forced.filter(|_| others.is_none());
    let check = Check {
        seconds: started.elapsed().as_secs_f64(),
        ..concluded(id, case, &judgement, forced.as_ref(), (plant, others))
    };
    reporter.event(&Event::CheckFinished { check })?;
    Ok((judgement, forced))
}

/// The result of a case: of every tensor's judgement, of every operation held against its own inputs, and of what there is to say of its start.
fn concluded(
    id: String,
    case: &Case,
    judgement: &SetJudgement,
    forced: Option<&Forced>,
    (plant, others): (Option<Plant>, Option<(Verdict, Finding)>),
) -> Check {
    let own = forced.and_then(forced::results::verdict);
    let by_itself = forced.filter(|forced| judgement.entries.is_empty() && !forced.operations.is_empty());
    let (verdict_of_start, finding_of_start) = others.unzip();
    let other_buffers = start::other_buffers(judgement);
    let verdict = match plant {
        Some(plant) if judgement.passes() && own.is_none() => {
            Verdict::Vacuous { reason: message::Judging::NothingChanged { plant: plant.to_string() }.into() }
        }
        _ if own.is_none() && by_itself.is_some() => Verdict::Pass,
        _ => {
            let own = own.filter(|_| !other_buffers);
            verdict_of_start.or(own).unwrap_or_else(|| findings::verdict(judgement))
        }
    };
    let mut tensors = words::tensors(judgement);
    let mut found = findings::findings(judgement);
    if let Some(forced) = forced {
        forced::results::fill(&mut tensors, forced);
        // A buffer is named where it is made.
        let place = if other_buffers { found.len().min(1) } else { 0 };
        found.splice(place..place, forced::results::findings(forced, judgement));
    }
    if let Some(finding) = finding_of_start {
        // It stands for the finding on the same tensor, and nothing else is a reason to look elsewhere.
        found.retain(|it| it.subject != finding.subject);
        found.iter_mut().for_each(|it| it.hint = None);
        found.insert(0, finding);
    }
    Check {
        golden: Some(words::golden(judgement)),
        summary: Some(by_itself.map_or_else(|| findings::summary(&tensors), forced::results::summary)),
        figures: findings::figures(judgement, &tensors),
        findings: found,
        tensors,
        ..Check::new(id, case.title(), verdict)
    }
}

/// The judgement on a candidate at a precision that the golden set lacks: no tensor.
fn nothing_judged(case: &Case, recorded: &Fingerprint) -> SetJudgement {
    SetJudgement {
        set: case.golden.manifest().name.clone(),
        precision: case.precision,
        expectation: Expectation::of(&case.recorded, recorded),
        entries: Vec::new(),
        unexpected: Vec::new(),
    }
}

/// Every operation of a case held against its own inputs: those of `set`, with `kept` in their places. `None` where all bits are the
/// recording's, or it has nothing to replay.
fn replay_by_itself(
    case: &Case,
    set: &GoldenSet,
    kept: HashMap<String, Kept>,
    judgement: &SetJudgement,
) -> Result<Option<Forced>, SuiteError> {
    let Case { golden, precision, .. } = case;
    // Other weights to begin with explain everything after them.
    let others = start::other_weights(golden, judgement, None).is_some();
    if sections::all_identical(judgement) || others || !forced::can_replay(golden, *precision) {
        return Ok(None);
    }
    forced::judge(golden, *precision, &Recording::of(set, *precision)?.with(kept)).map(Some)
}

fn judge_trainer(
    suite: &dyn Judging,
    case: &Case,
    (device, plant): (Device, Option<Plant>),
    ranks: Option<&Ranks>,
    reporter: &mut dyn Reporter,
) -> Result<(SetJudgement, HashMap<String, Kept>), SuiteError> {
    let Case { golden, precision, recorded, .. } = case;
    for remark in suite.remarks(golden)? {
        let set = golden.manifest().name.clone();
        reporter.event(&Event::Note { note: message::Judging::Remark { set, remark }.into() })?;
    }
    runtime::set_threads(recorded.threads);
    device::set_tf32(device, false);
    let expectation = suite.expectation(recorded, &this_machine(device));
    let free_run = expectation == Expectation::Identical;
    let notes = Notes::default();
    let replay = Replay { precision: *precision, device, plant, free_run, notes: notes.clone() };
    let progress = &mut |done| reporter.event(&Event::Progress { done });
    let judged = judge_on(ranks, suite, golden, replay, expectation, progress);
    // Before the error, if there is one: it may follow from them.
    for note in notes.take() {
        let (set, remark) = (golden.manifest().name.clone(), note);
        reporter.event(&Event::Note { note: message::Judging::Remark { set, remark }.into() })?;
    }
    judged
}

/// Replays a set and judges every tensor as it appears, expecting what `expectation` says. `progress` is told how many
/// were judged.
///
/// # Errors
/// When the set cannot be replayed or read, or `progress` fails. A wrong tensor is no error.
pub fn judge(
    suite: &dyn Judging,
    golden: &GoldenSet,
    replay: Replay,
    expectation: Expectation,
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
) -> Result<SetJudgement, SuiteError> {
    judge_on(None, suite, golden, replay, expectation, progress).map(|(judgement, _)| judgement)
}

/// The same, and every operation held against its own inputs.
///
/// # Errors
/// As [`judge`].
pub fn judge_by_itself(
    suite: &dyn Judging,
    golden: &GoldenSet,
    replay: Replay,
    expectation: Expectation,
) -> Result<(SetJudgement, Forced), SuiteError> {
    let precision = replay.precision;
    let (judgement, kept) = judge_on(None, suite, golden, replay, expectation, &mut |_| Ok(()))?;
    let recording = Recording::of(golden, precision)?.with(kept);
    Ok((judgement, forced::judge(golden, precision, &recording)?))
}

/// The same, where this process is rank 0 of `ranks`.
fn judge_on(
    ranks: Option<&Ranks>,
    suite: &dyn Judging,
    golden: &GoldenSet,
    replay: Replay,
    expectation: Expectation,
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
) -> Result<(SetJudgement, HashMap<String, Kept>), SuiteError> {
    let judge = Judge::new(golden, replay.precision, expectation, rules::DINOV3)?;
    let mut hook = JudgingHook::new(judge, (golden, replay.precision), progress);
    let replayed = device::caught(|| suite.replay(golden, &replay, ranks, &mut hook));
    replayed.unwrap_or_else(|it| failed(it, replay.device, hook.last()))?;
    hook.finish()
}

/// The error of a device that failed in the middle of a replay, after the tensor of this name. On the host it is a fault of this program.
fn failed(failure: DeviceFailure, device: Device, after: Option<String>) -> Result<(), SuiteError> {
    match device {
        Device::Cpu => panic!("{failure}"),
        device => Err(SuiteError::Device { device: device.to_string(), after, message: failure.message }),
    }
}

fn judge_candidate(
    case: &Case,
    candidate: &GoldenSet,
    theirs: &Fingerprint,
    reporter: &mut dyn Reporter,
) -> Result<SetJudgement, SuiteError> {
    let Case { golden, precision, recorded, .. } = case;
    let expectation = Expectation::of(recorded, theirs);
    let mut judge = Judge::new(golden, *precision, expectation, rules::DINOV3)?;
    for (i, entry) in candidate.manifest().entries.iter().enumerate() {
        if entry.records.get(*precision).is_some() {
            judge.observe_recorded(entry.name.as_str(), candidate.recorded(entry, *precision)?)?;
        }
        reporter.event(&Event::Progress { done: i as u64 + 1 })?;
    }
    Ok(judge.finish())
}
