//! What is held against what: golden sets, precisions, and whose tensors.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use dinov3_golden::{Fingerprint, GoldenSet, Precision, check_same_recipe};
use dinov3_reports::message;
use dinov3_torch::device::Device;

use super::{Judging, replay, words};
use crate::defects::Plant;
use crate::{Request, Source, SuiteError, SuiteInfo, sets};

/// One comparison: a golden set at a precision, under the circumstances of its recording, and whose tensors are held against it.
pub(super) struct Case {
    pub(super) golden: Rc<GoldenSet>,
    pub(super) precision: Precision,
    pub(super) recorded: Fingerprint,
    pub(super) subject: Subject,
}

/// Whose tensors a case judges.
pub(super) enum Subject {
    Trainer {
        device: Device,
        plant: Option<Plant>,
    },
    Candidate {
        set: Rc<GoldenSet>,
        recorded: Fingerprint,
    },
    /// A candidate at a precision that the golden set lacks: its operations are held against their own inputs, and nothing else.
    ByItself {
        set: Rc<GoldenSet>,
        recorded: Fingerprint,
    },
}

impl Case {
    pub(super) fn id(&self, suite: &SuiteInfo) -> String {
        format!("{}/{}/{}", suite.name, self.golden.manifest().name, self.precision)
    }

    pub(super) fn title(&self) -> message::Judging {
        let (set, precision) = (self.golden.manifest().name.clone(), words::precision(self.precision));
        message::Judging::EveryTensor { set, precision }
    }
}

/// All comparisons that a request asks of a suite, in the order of the sets' names, fp32 before bf16. At least one.
pub(super) fn of(suite: &dyn Judging, request: &Request) -> Result<Vec<Case>, SuiteError> {
    let cases = match &request.source {
        Source::Trainer { device, plant } => {
            let subject = || Subject::Trainer { device: *device, plant: *plant };
            of_trainer(suite, request, &subject)?
        }
        Source::Candidate(folder) => of_candidates(suite, folder, &request.golden)?,
    };
    let roots = match &request.source {
        Source::Trainer { .. } => request.golden.clone(),
        Source::Candidate(folder) => vec![folder.clone()],
    };
    if cases.is_empty() { Err(SuiteError::NothingFor { suite: suite.info().name, roots }) } else { Ok(cases) }
}

fn of_trainer(suite: &dyn Judging, request: &Request, subject: &dyn Fn() -> Subject) -> Result<Vec<Case>, SuiteError> {
    let mut cases = Vec::new();
    for golden in sets::of_profile(&request.golden, request.profile)? {
        if !suite.takes(golden.manifest()) {
            continue;
        }
        sets::sound("golden set", &golden)?;
        // What the trainer cannot honour is refused here, before a line is printed.
        replay::config(&golden)?;
        let golden = Rc::new(golden);
        for (precision, recorded) in judged_precisions(&golden) {
            cases.push(Case { golden: Rc::clone(&golden), precision, recorded, subject: subject() });
        }
    }
    Ok(cases)
}

fn of_candidates(suite: &dyn Judging, folder: &Path, roots: &[PathBuf]) -> Result<Vec<Case>, SuiteError> {
    let candidates = sets::open_all(&[folder.to_owned()])?;
    if candidates.is_empty() {
        // msprobe's file of a step and a rank.
        let dump = folder.join("dump.json").is_file();
        return Err(if dump { SuiteError::IsDump(folder.to_owned()) } else { SuiteError::NoCandidate(folder.to_owned()) });
    }
    let mut cases = Vec::new();
    for candidate in candidates {
        if suite.takes(candidate.manifest()) {
            cases.extend(of_candidate(suite, Rc::new(candidate), roots)?);
        }
    }
    Ok(cases)
}

fn of_candidate(suite: &dyn Judging, candidate: Rc<GoldenSet>, roots: &[PathBuf]) -> Result<Vec<Case>, SuiteError> {
    let name = &candidate.manifest().name;
    sets::sound("candidate", &candidate)?;
    let golden = Rc::new(sets::named(roots, name)?);
    sets::sound("golden set", &golden)?;
    check_same_recipe(golden.manifest(), candidate.manifest())?;
    suite.check_candidate(&golden, &candidate)?;
    let mut cases = Vec::new();
    for (precision, theirs) in judged_precisions(&candidate) {
        let (set, golden) = (Rc::clone(&candidate), Rc::clone(&golden));
        if let Some(file) = golden.manifest().precisions.get(precision) {
            let (subject, recorded) = (Subject::Candidate { set, recorded: theirs }, file.fingerprint.clone());
            cases.push(Case { golden, precision, recorded, subject });
        } else if golden.manifest().recipe.training.is_some() {
            let (subject, recorded) = (Subject::ByItself { set, recorded: theirs.clone() }, theirs);
            cases.push(Case { golden, precision, recorded, subject });
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
