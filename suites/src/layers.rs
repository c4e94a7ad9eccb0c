//! Suite `layers`: every tensor of the forward pass, from initial weights to logits, against golden sets.
//!
//! For each set and precision, the set's recipe is replayed through our own trainer (or a set recorded elsewhere is
//! read), each tensor is judged as it appears, and the first divergence in execution order is named.

mod findings;
mod inputs;
pub mod replay;
mod sections;

use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use dinov3_golden::manifest::Profile;
use dinov3_golden::{Expectation, Fingerprint, GoldenSet, Judge, Precision, SetJudgement, check_same_recipe};
use dinov3_model::fault::Plant;
use dinov3_model::runtime;
use dinov3_model::tap::Tap;
use dinov3_reports::{Check, Event, Reporter, Verdict};
use tch::{Device, Tensor};

use crate::catalogue::LAYERS;
use crate::{SuiteError, sets};
use replay::{Replay, with_view};

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

/// One comparison: a golden set at a precision, under the circumstances of its recording, and whose tensors are held against it.
struct Case {
    golden: Rc<GoldenSet>,
    precision: Precision,
    recorded: Fingerprint,
    subject: Subject,
}

/// Whose tensors a case judges.
enum Subject {
    Trainer { device: Device, plant: Option<Plant> },
    Candidate { set: Rc<GoldenSet>, recorded: Fingerprint },
}

impl Case {
    fn id(&self) -> String {
        format!("layers/{}/{}", self.golden.manifest().name, self.precision)
    }

    fn title(&self) -> String {
        format!("every tensor of `{}` at {}", self.golden.manifest().name, self.precision)
    }
}

/// Runs the suite. A tensor that is wrong is a failing check.
///
/// # Errors
/// When a golden or candidate set cannot be read, is damaged, or does not fit; and when `reporter` fails.
pub fn run(request: &Request, reporter: &mut dyn Reporter) -> Result<(), SuiteError> {
    let started = Instant::now();
    let cases = cases(request)?;
    reporter.event(&Event::SuiteStarted {
        suite: LAYERS.name.to_owned(),
        group: Some(LAYERS.group.to_owned()),
        proves: LAYERS.proves.to_owned(),
        planned: cases.iter().map(Case::id).collect(),
    })?;
    let judgements: Result<Vec<_>, _> = cases.iter().map(|case| run_case(case, reporter)).collect();
    let judgements = judgements?;
    reporter.event(&Event::SuiteFinished {
        suite: LAYERS.name.to_owned(),
        sections: sections::sections(&judgements),
        seconds: started.elapsed().as_secs_f64(),
    })?;
    Ok(())
}

/// All comparisons of a request, in the order of the sets' names, fp32 before bf16.
fn cases(request: &Request) -> Result<Vec<Case>, SuiteError> {
    let mut cases = Vec::new();
    match &request.source {
        Source::Trainer { device, plant } => {
            for golden in sets::of_profile(&request.golden, request.profile)? {
                sets::sound("golden set", &golden)?;
                let golden = Rc::new(golden);
                for (precision, recorded) in judged_precisions(&golden) {
                    let subject = Subject::Trainer { device: *device, plant: *plant };
                    cases.push(Case { golden: Rc::clone(&golden), precision, recorded, subject });
                }
            }
        }
        Source::Candidate(folder) => {
            for candidate in sets::open_all(std::slice::from_ref(folder))? {
                cases.extend(candidate_cases(Rc::new(candidate), &request.golden)?);
            }
            if cases.is_empty() {
                return Err(SuiteError::NoCandidate(folder.clone()));
            }
        }
    }
    Ok(cases)
}

fn candidate_cases(candidate: Rc<GoldenSet>, roots: &[PathBuf]) -> Result<Vec<Case>, SuiteError> {
    let name = &candidate.manifest().name;
    sets::sound("candidate", &candidate)?;
    let golden = Rc::new(sets::named(roots, name)?);
    sets::sound("golden set", &golden)?;
    check_same_recipe(golden.manifest(), candidate.manifest())?;
    let mut cases = Vec::new();
    for (precision, theirs) in judged_precisions(&candidate) {
        if let Some(file) = golden.manifest().precisions.get(precision) {
            let subject = Subject::Candidate { set: Rc::clone(&candidate), recorded: theirs };
            let recorded = file.fingerprint.clone();
            cases.push(Case { golden: Rc::clone(&golden), precision, recorded, subject });
        }
    }
    if cases.is_empty() {
        return Err(SuiteError::NothingToJudge { name: name.clone() });
    }
    Ok(cases)
}

/// The precisions of a set that are judged, with the circumstances of their recording. The truth is what they are held against.
fn judged_precisions(set: &GoldenSet) -> Vec<(Precision, Fingerprint)> {
    let recorded = set.manifest().precisions.iter().filter(|(precision, _)| *precision != Precision::Truth);
    recorded.map(|(precision, file)| (precision, file.fingerprint.clone())).collect()
}

fn run_case(case: &Case, reporter: &mut dyn Reporter) -> Result<SetJudgement, SuiteError> {
    let started = Instant::now();
    let entries = case.golden.manifest().entries.len() as u64;
    reporter.event(&Event::CheckStarted { id: case.id(), title: case.title(), steps: Some(entries) })?;
    let (judgement, plant) = match &case.subject {
        Subject::Trainer { device, plant } => (judge_trainer(case, *device, *plant, reporter)?, *plant),
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
    let mut check = Check::new(case.id(), case.title(), verdict, findings::summary(&judgement));
    (check.figure, check.limit) = findings::figure_and_limit(&judgement);
    check.findings = findings::findings(&judgement);
    check.seconds = started.elapsed().as_secs_f64();
    reporter.event(&Event::CheckFinished(check))?;
    Ok(judgement)
}

fn judge_trainer(
    case: &Case,
    device: Device,
    plant: Option<Plant>,
    reporter: &mut dyn Reporter,
) -> Result<SetJudgement, SuiteError> {
    let Case { golden, precision, recorded, .. } = case;
    for remark in replay::without_effect(golden)? {
        reporter.event(&Event::Note(format!("{}: {remark}", golden.manifest().name)))?;
    }
    runtime::set_threads(recorded.threads);
    let expectation = Expectation::of(recorded, &this_machine(device));
    let replay = Replay { precision: *precision, device, plant };
    judge(golden, replay, expectation, &mut |done| reporter.event(&Event::Progress { done }))
}

/// Replays a set and judges every tensor as it appears, expecting what `expectation` says. `progress` is told how many
/// were judged.
///
/// # Errors
/// When the set cannot be replayed or read, or `progress` fails. A wrong tensor is no error.
pub fn judge(
    golden: &GoldenSet,
    replay: Replay,
    expectation: Expectation,
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
) -> Result<SetJudgement, SuiteError> {
    let judge = Judge::new(golden, replay.precision, expectation)?;
    let mut tap = JudgingTap { judge, progress, done: 0, failed: None };
    replay.run(golden, &mut tap)?;
    match tap.failed {
        Some(error) => Err(error),
        None => Ok(tap.judge.finish()),
    }
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

/// The circumstances under which our own trainer computes here and now.
pub fn this_machine(device: Device) -> Fingerprint {
    Fingerprint {
        torch: dinov3_model::shim::torch_version(),
        architecture: std::env::consts::ARCH.to_owned(),
        device: if device == Device::Cpu { "cpu" } else { "cuda" }.to_owned(),
        cpu_vendor: runtime::cpu_vendor(),
        cpu_capability: dinov3_model::shim::cpu_capability(),
        mkl_cbwr: runtime::pinned("MKL_CBWR"),
        onednn_max_cpu_isa: runtime::pinned("ONEDNN_MAX_CPU_ISA"),
        threads: runtime::threads(),
    }
}

/// Judges every tensor that the trainer shows. A tap cannot fail, so the first failure is kept, and nothing is judged
/// after it.
struct JudgingTap<'a> {
    judge: Judge<'a>,
    progress: &'a mut dyn FnMut(u64) -> io::Result<()>,
    done: u64,
    failed: Option<SuiteError>,
}

impl JudgingTap<'_> {
    fn judge(&mut self, name: &str, value: &Tensor) -> Result<(), SuiteError> {
        with_view(value, |view| self.judge.observe(name, view).map(drop))?;
        self.done += 1;
        Ok((self.progress)(self.done)?)
    }
}

impl Tap for JudgingTap<'_> {
    fn tensor(&mut self, name: &str, value: &Tensor) {
        if self.failed.is_none() {
            self.failed = self.judge(name, value).err();
        }
    }
}
