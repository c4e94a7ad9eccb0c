//! What the suites share that hold tensors against golden sets: the choice of sets, the judgement of every tensor as it appears,
//! and the events that tell of it.

pub mod by_layer;
mod cases;
mod concluded;
mod dump;
mod elsewhere;
mod findings;
mod hook;
mod otherwise;
pub mod pipeline;
mod ranks;
pub mod recipe;
pub mod replay;
pub mod rules;
pub mod sections;
mod start;
pub mod subject;
pub mod words;

use std::collections::HashMap;
use std::io;
use std::time::Instant;

use dinov3_golden::{Expectation, Fingerprint, GoldenSet, Judge, Manifest, SetJudgement};
use dinov3_reports::message::{self, Remark};
use dinov3_reports::{Check, Event, Message, RanksOf, Reporter, Section, Subject as Judged};
use dinov3_torch::device::{self, Device, DeviceFailure};
use dinov3_torch::runtime;
use dinov3_vit::hook::Hook;

use crate::defects::Plant;
use crate::forced::{self, Forced, Kept, Recording};
use crate::told::errored;
use crate::{Plan, Ranks, Request, Session, Suite, SuiteError, SuiteInfo};
use cases::{Case, Item, Subject};
use concluded::{concluded, nothing_judged};
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
        Ok(Box::new(Cases { suite: self, items: cases::of(self, request)? }))
    }
}

/// The comparisons that a request asks of a suite.
struct Cases<'a> {
    suite: &'a dyn Judging,
    items: Vec<Item>,
}

impl Plan for Cases<'_> {
    fn checks(&self) -> Vec<String> {
        self.items.iter().map(|item| item.id(&self.suite.info())).collect()
    }

    fn judges(&self) -> bool {
        self.items.iter().any(Item::counts)
    }

    fn needs_ranks(&self) -> bool {
        self.items.iter().any(|item| item.case().is_some())
    }

    fn lead(&self, session: &Session, reporter: &mut dyn Reporter) -> Result<Vec<Section>, SuiteError> {
        let (mut judgements, mut replayed) = (Vec::new(), Vec::new());
        if let Some(note) = self.stored_crops() {
            reporter.event(&Event::Note { note })?;
        }
        for item in &self.items {
            let case = match item {
                Item::Judge(case) => case,
                Item::Told(check) => {
                    reporter.event(&Event::CheckFinished { check: check.as_ref().clone() })?;
                    continue;
                }
            };
            if let Some(check) = ranks::on_one_device(self.suite, case, session.ranks()) {
                reporter.event(&Event::CheckFinished { check })?;
                continue;
            }
            let (judgement, forced) = match run_case(self.suite, case, session, reporter) {
                Ok(judged) => judged,
                Err(error) if self.goes_on(&error, session) => {
                    let check = errored(case.id(&self.suite.info()), &error);
                    reporter.event(&Event::CheckFinished { check })?;
                    continue;
                }
                Err(error) => return Err(error),
            };
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
        for Case { golden, precision, recorded, subject, .. } in self.items.iter().filter_map(Item::case) {
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

impl Cases<'_> {
    /// The sets whose photographs are not there: said of all of them at once.
    fn stored_crops(&self) -> Option<Message> {
        let mut sets: Vec<String> = Vec::new();
        for case in self.items.iter().filter_map(Item::case) {
            let name = &case.golden.manifest().name;
            let ours = matches!(case.subject, Subject::Trainer { .. }) && !sets.contains(name);
            if ours && pipeline::remark(&case.golden).is_some() {
                sets.push(name.clone());
            }
        }
        let remark = Remark::StoredCrops;
        (!sets.is_empty()).then(|| message::Judging::Remark { set: sets.join(", "), remark }.into())
    }

    /// Whether other sets can be judged after an error: it is about one set, and no other rank waits within it.
    fn goes_on(&self, error: &SuiteError, session: &Session) -> bool {
        session.ranks().is_none() && self.items.len() > 1 && error.is_about_a_set()
    }
}

fn run_case(
    suite: &dyn Judging,
    case: &Case,
    session: &Session,
    reporter: &mut dyn Reporter,
) -> Result<(SetJudgement, Option<Forced>), SuiteError> {
    let (started, ranks) = (Instant::now(), session.ranks());
    let run_as = ranks::of(suite, case, ranks);
    let id = case.id(&suite.info());
    let entries = case.golden.manifest().entries.len() as u64;
    reporter.event(&Event::CheckStarted { id: id.clone(), title: case.title().into(), steps: Some(entries) })?;
    let (judgement, forced, plant) = match &case.subject {
        Subject::Trainer { device, plant } => {
            if let Some(remark) = ranks::as_threads(suite, &run_as, ranks) {
                let set = case.golden.manifest().name.clone();
                reporter.event(&Event::Note { note: message::Judging::Remark { set, remark }.into() })?;
            }
            let (judgement, kept) = judge_trainer(suite, case, (*device, *plant), session, reporter)?;
            let forced = replay_by_itself(case, &case.golden, kept, &judgement)?;
            (judgement, forced, *plant)
        }
        Subject::Candidate { set, recorded } => {
            if let Some(remark) = start::remark(set) {
                let note: Message = message::Judging::Remark { set: set.manifest().name.clone(), remark }.into();
                // A set at two precisions says everything twice.
                if session.is_news(&note) {
                    reporter.event(&Event::Note { note })?;
                }
            }
            let judgement = judge_candidate(case, set, recorded, reporter)?;
            let forced = replay_by_itself(case, set, HashMap::new(), &judgement)?;
            (judgement, forced, None)
        }
        Subject::Dump(dump) => {
            let (judgement, told) = dump::judge(&case.golden, dump)?;
            reporter.event(&Event::Note { note: told.into() })?;
            (judgement, None, None)
        }
        Subject::ByItself { set, recorded } => {
            let recording = Recording::called(set, case.precision, &case.choice.names)?;
            let forced = forced::judge(&case.golden, case.precision, &recording)?;
            (nothing_judged(case, recorded), Some(forced), None)
        }
    };
    let others = match &case.subject {
        Subject::Candidate { recorded, .. } => start::other_weights(&case.golden, &judgement, forced.as_ref())
            .map(|first| start::told(&case.golden, &first, (&case.recorded, recorded))),
        _ => None,
    };
    // Other weights to begin with explain everything after them.
    let (forced, explained) = (forced.filter(|_| others.is_none()), others.is_some());
    let mut check = Check {
        golden: Some(words::golden(&case.golden, &judgement)),
        judged: judged(case, run_as).map(Box::new),
        ..concluded(id, case, &judgement, forced.as_ref(), (plant, others))
    };
    if !explained {
        elsewhere::point(&mut check, case, &judgement, forced.as_ref(), session);
    }
    let spans = forced.as_ref().and_then(|forced| forced::results::spans(&judgement.set, forced));
    if let Some(note) = spans.filter(|note| session.is_news(note)) {
        reporter.event(&Event::Note { note })?;
    }
    check.seconds = started.elapsed().as_secs_f64();
    reporter.event(&Event::CheckFinished { check })?;
    Ok((judgement, forced))
}

/// Whose tensors a case judges, where it is known.
fn judged(case: &Case, ranks: RanksOf) -> Option<Judged> {
    Some(match &case.subject {
        Subject::Trainer { device, .. } => subject::of_trainer(*device, case.recorded.threads, ranks),
        Subject::Candidate { set, recorded } | Subject::ByItself { set, recorded } => {
            subject::of_recording(set, recorded)
        }
        Subject::Dump(_) => return None,
    })
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
    let recording = match case.subject {
        Subject::Trainer { .. } => Recording::of(set, *precision)?,
        _ => Recording::called(set, *precision, &case.choice.names)?,
    };
    forced::judge(golden, *precision, &recording.with(kept)).map(Some)
}

fn judge_trainer(
    suite: &dyn Judging,
    case: &Case,
    (device, plant): (Device, Option<Plant>),
    session: &Session,
    reporter: &mut dyn Reporter,
) -> Result<(SetJudgement, HashMap<String, Kept>), SuiteError> {
    let Case { golden, precision, recorded, .. } = case;
    for remark in suite.remarks(golden)?.into_iter().filter(|remark| *remark != Remark::StoredCrops) {
        let set = golden.manifest().name.clone();
        let note: Message = message::Judging::Remark { set, remark }.into();
        // A set at two precisions says everything twice.
        if session.is_news(&note) {
            reporter.event(&Event::Note { note })?;
        }
    }
    runtime::set_threads(recorded.threads);
    device::set_tf32(device, false);
    let expectation = suite.expectation(recorded, &this_machine(device));
    let free_run = expectation == Expectation::Identical;
    let notes = Notes::default();
    let replay = Replay { precision: *precision, device, plant, free_run, notes: notes.clone() };
    let progress = &mut |done| reporter.event(&Event::Progress { done });
    let judged = judge_on(session.ranks(), suite, golden, replay, expectation, progress);
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
    let expectation = otherwise::expectation(recorded, candidate, theirs);
    let mut judge = Judge::new(golden, *precision, expectation, rules::DINOV3)?;
    for (i, entry) in candidate.manifest().entries.iter().enumerate() {
        if entry.records.get(*precision).is_some()
            && let Some(name) = case.choice.names.ours(entry.name.as_str())
        {
            judge.observe_recorded(&name, candidate.recorded(entry, *precision)?)?;
        }
        reporter.event(&Event::Progress { done: i as u64 + 1 })?;
    }
    let mut judgement = judge.finish();
    judgement.waive(|tensor| case.choice.may_lack(tensor));
    Ok(judgement)
}
