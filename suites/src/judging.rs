//! What the suites share that hold tensors against golden sets: the choice of sets, the judgement of every tensor as it appears,
//! and the events that tell of it.

mod cases;
mod findings;
pub mod pipeline;
pub mod replay;
pub mod sections;
mod tap;

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use dinov3_config::fault::Plant;
use dinov3_golden::manifest::Profile;
use dinov3_golden::{Expectation, Fingerprint, GoldenSet, Judge, Manifest, SetJudgement};
use dinov3_reports::{Check, Event, Reporter, Section, Verdict};
use dinov3_torch::runtime;
use dinov3_vit::tap::Tap;
use tch::Device;

use crate::{SuiteError, SuiteInfo};
use cases::{Case, Subject};
use replay::{Replay, this_machine};
use tap::JudgingTap;

/// What to judge, and against what.
#[derive(Clone, Debug)]
pub struct Request {
    /// Golden sets, or folders of them.
    pub golden: Vec<PathBuf>,
    /// How much.
    pub profile: Profile,
    /// Whose tensors.
    pub source: Source,
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

/// A suite that judges tensors: which sets it takes, and how it repeats what they recorded.
pub trait Judging {
    /// Its entry in the catalogue.
    fn info(&self) -> SuiteInfo;

    /// Whether a set recorded anything that this suite judges.
    fn takes(&self, manifest: &Manifest) -> bool;

    /// What the recipe of a set asks for in vain, a sentence each.
    ///
    /// # Errors
    /// When the recipe cannot be replayed.
    fn remarks(&self, set: &GoldenSet) -> Result<Vec<String>, SuiteError>;

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

    /// Repeats what `set` recorded through our own trainer and shows every tensor to `tap`.
    ///
    /// # Errors
    /// When the recipe cannot be replayed, or an input is missing or misshapen.
    fn replay(&self, set: &GoldenSet, replay: &Replay, tap: &mut dyn Tap) -> Result<(), SuiteError>;

    /// The tables and plots of the report.
    fn sections(&self, judgements: &[SetJudgement]) -> Vec<Section>;
}

/// Runs a suite. A tensor that is wrong is a failing check.
///
/// # Errors
/// When a golden or candidate set cannot be read, is damaged, or does not fit; and when `reporter` fails.
pub fn run(suite: &dyn Judging, request: &Request, reporter: &mut dyn Reporter) -> Result<(), SuiteError> {
    let started = Instant::now();
    let cases = cases::of(suite, request)?;
    let info = suite.info();
    reporter.event(&Event::SuiteStarted {
        suite: info.name.to_owned(),
        group: Some(info.group.to_owned()),
        proves: info.proves.to_owned(),
        planned: cases.iter().map(|case| case.id(&info)).collect(),
    })?;
    let judgements: Result<Vec<_>, _> = cases.iter().map(|case| run_case(suite, case, reporter)).collect();
    let judgements = judgements?;
    reporter.event(&Event::SuiteFinished {
        suite: info.name.to_owned(),
        sections: suite.sections(&judgements),
        seconds: started.elapsed().as_secs_f64(),
    })?;
    Ok(())
}

/// Goes through the cases of a trainer as [`run`] does, with `part` in place of a judgement: what a rank does beside rank 0.
///
/// # Errors
/// When a golden set cannot be read or is damaged, and when `part` fails.
pub(crate) fn follow(
    suite: &dyn Judging,
    request: &Request,
    part: &mut dyn FnMut(&GoldenSet, &Replay) -> Result<(), SuiteError>,
) -> Result<(), SuiteError> {
    for Case { golden, precision, recorded, subject } in cases::of(suite, request)? {
        if let Subject::Trainer { device, plant } = subject {
            runtime::set_threads(recorded.threads);
            part(&golden, &Replay { precision, device, plant, free_run: false })?;
        }
    }
    Ok(())
}

fn run_case(suite: &dyn Judging, case: &Case, reporter: &mut dyn Reporter) -> Result<SetJudgement, SuiteError> {
    let started = Instant::now();
    let id = case.id(&suite.info());
    let entries = case.golden.manifest().entries.len() as u64;
    reporter.event(&Event::CheckStarted { id: id.clone(), title: case.title(), steps: Some(entries) })?;
    let (judgement, plant) = match &case.subject {
        Subject::Trainer { device, plant } => (judge_trainer(suite, case, *device, *plant, reporter)?, *plant),
        Subject::Candidate { set, recorded } => (judge_candidate(case, set, recorded, reporter)?, None),
    };
    let verdict = match plant {
        Some(plant) if judgement.passes() => Verdict::Vacuous {
            reason: format!(
                "`{plant}` changes nothing here: no such block, or it does not use what is broken, or rounding hides it"
            ),
        },
        _ => findings::verdict(&judgement),
    };
    let mut check = Check::new(id, case.title(), verdict, findings::summary(&judgement));
    (check.figure, check.limit) = findings::figure_and_limit(&judgement);
    check.findings = findings::findings(&judgement);
    check.seconds = started.elapsed().as_secs_f64();
    reporter.event(&Event::CheckFinished(check))?;
    Ok(judgement)
}

fn judge_trainer(
    suite: &dyn Judging,
    case: &Case,
    device: Device,
    plant: Option<Plant>,
    reporter: &mut dyn Reporter,
) -> Result<SetJudgement, SuiteError> {
    let Case { golden, precision, recorded, .. } = case;
    for remark in suite.remarks(golden)? {
        reporter.event(&Event::Note(format!("{}: {remark}", golden.manifest().name)))?;
    }
    runtime::set_threads(recorded.threads);
    let expectation = suite.expectation(recorded, &this_machine(device));
    let replay = Replay { precision: *precision, device, plant, free_run: expectation == Expectation::Identical };
    judge(suite, golden, replay, expectation, &mut |done| reporter.event(&Event::Progress { done }))
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
    let judge = Judge::new(golden, replay.precision, expectation)?;
    let mut tap = JudgingTap::new(judge, progress);
    suite.replay(golden, &replay, &mut tap)?;
    tap.finish()
}

fn judge_candidate(
    case: &Case,
    candidate: &GoldenSet,
    theirs: &Fingerprint,
    reporter: &mut dyn Reporter,
) -> Result<SetJudgement, SuiteError> {
    let Case { golden, precision, recorded, .. } = case;
    let mut judge = Judge::new(golden, *precision, Expectation::of(recorded, theirs))?;
    for (i, entry) in candidate.manifest().entries.iter().enumerate() {
        if entry.records.get(*precision).is_some() {
            judge.observe_recorded(&entry.name, candidate.recorded(entry, *precision)?)?;
        }
        reporter.event(&Event::Progress { done: i as u64 + 1 })?;
    }
    Ok(judge.finish())
}
