//! What is held against what: golden sets, precisions, and whose tensors.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use dinov3_golden::{Fingerprint, GoldenSet, Precision, check_same_recipe};
use dinov3_msprobe::Dump;
use dinov3_reports::message::{self, Coverage};
use dinov3_reports::{Check, Verdict};
use dinov3_torch::device::Device;

use super::{Judging, dump, replay, subject, words};
use crate::defects::Plant;
use crate::told::errored;
use crate::{Choice, Request, Source, SuiteError, SuiteInfo, sets};

/// One comparison: a golden set at a precision, under the circumstances of its recording, and whose tensors are held against it.
pub(super) struct Case {
    pub(super) golden: Rc<GoldenSet>,
    pub(super) precision: Precision,
    pub(super) recorded: Fingerprint,
    pub(super) subject: Subject,
    pub(super) choice: Rc<Choice>,
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
    /// A dump of msprobe, which does not say where it was made.
    Dump(Rc<Dump>),
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

/// What becomes of one check that a suite plans.
pub(super) enum Item {
    /// It is made.
    Judge(Box<Case>),
    /// It is not made, and says why.
    Told(Box<Check>),
}

impl Item {
    pub(super) fn id(&self, suite: &SuiteInfo) -> String {
        match self {
            Self::Judge(case) => case.id(suite),
            Self::Told(check) => check.id.clone(),
        }
    }

    /// Whether it can decide over the run: it is made, or could not have failed.
    pub(super) fn counts(&self) -> bool {
        match self {
            Self::Judge(_) => true,
            Self::Told(check) => matches!(check.verdict, Verdict::Vacuous { .. }),
        }
    }

    pub(super) fn case(&self) -> Option<&Case> {
        match self {
            Self::Judge(case) => Some(case),
            Self::Told(_) => None,
        }
    }

    /// The id of a set's check.
    fn of(suite: &dyn Judging, set: &str, precision: Precision) -> String {
        format!("{}/{set}/{precision}", suite.info().name)
    }

    fn told(id: String, (set, precision): (&str, Precision), verdict: Verdict) -> Self {
        let title = message::Judging::EveryTensor { set: set.to_owned(), precision: words::precision(precision) };
        Self::Told(Box::new(Check::new(id, title, verdict)))
    }
}

/// The items of a suite, and the first error among them.
#[derive(Default)]
struct Items {
    items: Vec<Item>,
    error: Option<SuiteError>,
}

impl Items {
    /// A check of a set that an error keeps from being made.
    fn failed(&mut self, suite: &dyn Judging, set: &str, error: SuiteError) {
        let check = errored(format!("{}/{set}", suite.info().name), &error);
        self.items.push(Item::Told(Box::new(check)));
        self.error = self.error.take().or(Some(error));
    }
}

/// All comparisons that a request asks of a suite, in the order of the sets' names, fp32 before bf16, and what is not compared that was asked
/// for. At least one item.
///
/// # Errors
/// Of a set that is damaged or foreign, if nothing else can be judged; or if there is nothing for the suite.
pub(super) fn of(suite: &dyn Judging, request: &Request) -> Result<Vec<Item>, SuiteError> {
    let Items { mut items, error } = match &request.source {
        Source::Trainer { device, plant } => {
            let subject = || Subject::Trainer { device: *device, plant: *plant };
            of_trainer(suite, request, *plant, &subject)?
        }
        Source::Candidate(folders) => of_candidates(suite, folders, request)?,
    };
    let roots = match &request.source {
        Source::Trainer { .. } => request.golden.clone(),
        Source::Candidate(folders) => folders.clone(),
    };
    items.retain(|item| match item {
        Item::Told(check) if matches!(check.verdict, Verdict::Error { .. }) => true,
        item => request.choice.takes(&item.id(&suite.info())),
    });
    match (items.iter().any(Item::counts), error) {
        (true, _) => Ok(items),
        (false, Some(error)) => Err(error),
        (false, None) if !items.is_empty() => Ok(items),
        (false, None) => Err(SuiteError::NothingFor { suite: suite.info().name, roots }),
    }
}

fn of_trainer(
    suite: &dyn Judging,
    request: &Request,
    plant: Option<Plant>,
    subject: &dyn Fn() -> Subject,
) -> Result<Items, SuiteError> {
    let (mut items, choice) = (Items::default(), Rc::new(request.choice.clone()));
    for (folder, golden) in sets::of_profile(&request.golden, request.profile)? {
        let golden = match golden {
            Ok(golden) if !is_asked_for(suite, &golden, &choice) => continue,
            Ok(golden) => sound(golden).and_then(|golden| Ok((without_place(plant, &golden)?, golden))),
            Err(error) => Err(error),
        };
        match golden {
            Ok((None, golden)) => {
                for (precision, recorded) in asked_precisions(suite, &golden, &choice) {
                    let (golden, choice) = (Rc::clone(&golden), Rc::clone(&choice));
                    let case = Case { golden, precision, recorded, subject: subject(), choice };
                    items.items.push(Item::Judge(Box::new(case)));
                }
            }
            Ok((Some(why), golden)) => {
                let name = golden.manifest().name.as_str();
                for (precision, _) in asked_precisions(suite, &golden, &choice) {
                    let vacuous = Verdict::Vacuous { reason: why.clone().into() };
                    items.items.push(Item::told(Item::of(suite, name, precision), (name, precision), vacuous));
                }
            }
            Err(error) => items.failed(suite, &name_of(&folder), error),
        }
    }
    Ok(items)
}

/// The precisions of a golden set that are asked for, with the circumstances of their recording.
fn asked_precisions(suite: &dyn Judging, golden: &GoldenSet, choice: &Choice) -> Vec<(Precision, Fingerprint)> {
    let mut precisions = judged_precisions(golden);
    precisions.retain(|(it, _)| choice.takes_at(&Item::of(suite, &golden.manifest().name, *it), *it));
    precisions
}

/// Why a defect cannot be planted in the networks of a set: they have no such block.
fn without_place(plant: Option<Plant>, golden: &GoldenSet) -> Result<Option<Coverage>, SuiteError> {
    let Some(plant) = plant else { return Ok(None) };
    let config = replay::config(golden)?;
    let frozen = config.distillation.as_ref().map_or(0, |teacher| teacher.backbone.size.depth);
    let blocks = config.student.size.depth.max(frozen);
    Ok((!plant.has_place_in(blocks)).then(|| Coverage::NoBlock { plant: plant.to_string(), blocks }))
}

/// Whether a suite takes a set, and one of the checks that are asked for is of it. Others are not even read.
fn is_asked_for(suite: &dyn Judging, set: &GoldenSet, choice: &Choice) -> bool {
    let name = &set.manifest().name;
    let asked = |precision: &Precision| {
        *precision != Precision::Truth && choice.takes_at(&Item::of(suite, name, *precision), *precision)
    };
    suite.takes(set.manifest()) && Precision::ALL.iter().any(asked)
}

/// A golden set that our own trainer can repeat.
fn sound(golden: GoldenSet) -> Result<Rc<GoldenSet>, SuiteError> {
    sets::sound("golden set", &golden)?;
    // What the trainer cannot honour is refused here, before a line is printed.
    replay::config(&golden)?;
    Ok(Rc::new(golden))
}

/// The name of a set that cannot be opened: that of its folder.
fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
}

/// Refuses a folder without a candidate in it.
fn holds_candidates(folder: &Path) -> Result<(), SuiteError> {
    let empty = sets::folders(&[folder.to_owned()])?.is_empty();
    if empty { Err(SuiteError::NoCandidate(folder.to_owned())) } else { Ok(()) }
}

fn of_candidates(suite: &dyn Judging, folders: &[PathBuf], request: &Request) -> Result<Items, SuiteError> {
    let (mut items, mut seen, choice) = (Items::default(), HashSet::new(), Rc::new(request.choice.clone()));
    let (dumps, folders): (Vec<PathBuf>, Vec<PathBuf>) = folders.iter().cloned().partition(|it| Dump::is_one(it));
    for dump in &dumps {
        if let Some(case) = dump::case(suite, dump, &request.golden, &choice)? {
            seen.insert(case.golden.manifest().name.clone());
            items.items.push(Item::Judge(Box::new(case)));
        }
    }
    folders.iter().try_for_each(|folder| holds_candidates(folder))?;
    let candidates = sets::each(&folders)?;
    for (folder, candidate) in candidates {
        match candidate {
            Ok(candidate) if !is_asked_for(suite, &candidate, &choice) => {}
            Ok(candidate) => {
                let name = candidate.manifest().name.clone();
                if seen.contains(&name) {
                    items.failed(suite, &name, SuiteError::TwoCandidates { name: name.clone(), folder });
                    continue;
                }
                match of_candidate(suite, Rc::new(candidate), &request.golden, &choice) {
                    Ok(found) => items.items.extend(found),
                    Err(error) => items.failed(suite, &name, error),
                }
                seen.insert(name);
            }
            Err(error) => {
                let name = name_of(&folder);
                // Without its manifest the golden set of its name says what it is for.
                let known = sets::named(&request.golden, &name).ok();
                if known.is_none_or(|golden| suite.takes(golden.manifest())) {
                    items.failed(suite, &name, error);
                }
                seen.insert(name);
            }
        }
    }
    items.items.extend(not_recorded(suite, request, &seen)?);
    Ok(items)
}

/// The checks of golden sets that a candidate has no recording of.
fn not_recorded(suite: &dyn Judging, request: &Request, seen: &HashSet<String>) -> Result<Vec<Item>, SuiteError> {
    let mut items = Vec::new();
    for golden in sets::of_profile(&request.golden, request.profile)?.into_iter().filter_map(|(_, golden)| golden.ok())
    {
        let manifest = golden.manifest();
        if seen.contains(&manifest.name) || !suite.takes(manifest) {
            continue;
        }
        for (precision, _) in judged_precisions(&golden) {
            let id = Item::of(suite, &manifest.name, precision);
            if request.choice.takes_at(&id, precision) {
                let skipped = Verdict::Skipped { reason: Coverage::NoRecording.into() };
                items.push(Item::told(id, (manifest.name.as_str(), precision), skipped));
            }
        }
    }
    Ok(items)
}

fn of_candidate(
    suite: &dyn Judging,
    candidate: Rc<GoldenSet>,
    roots: &[PathBuf],
    choice: &Rc<Choice>,
) -> Result<Vec<Item>, SuiteError> {
    let name = &candidate.manifest().name;
    sets::sound("candidate", &candidate)?;
    let golden = Rc::new(sets::named(roots, name)?);
    sets::sound("golden set", &golden)?;
    check_same_recipe(golden.manifest(), candidate.manifest())?;
    suite.check_candidate(&golden, &candidate)?;
    let mut items = Vec::new();
    for (precision, theirs) in judged_precisions(&candidate) {
        let id = Item::of(suite, name, precision);
        if !choice.takes_at(&id, precision) {
            continue;
        }
        let (set, golden, choice) = (Rc::clone(&candidate), Rc::clone(&golden), Rc::clone(choice));
        if let Some(how) = subject::is_itself(&golden, &set, precision) {
            items.push(Item::told(id, (name.as_str(), precision), Verdict::Vacuous { reason: how.into() }));
        } else if let Some(file) = golden.manifest().precisions.get(precision) {
            let (subject, recorded) = (Subject::Candidate { set, recorded: theirs }, file.fingerprint.clone());
            items.push(Item::Judge(Box::new(Case { golden, precision, recorded, subject, choice })));
        } else if golden.manifest().recipe.training.is_some() {
            let (subject, recorded) = (Subject::ByItself { set, recorded: theirs.clone() }, theirs);
            items.push(Item::Judge(Box::new(Case { golden, precision, recorded, subject, choice })));
        }
    }
    if items.is_empty() && choice.precision.is_none() && choice.checks.is_empty() {
        return Err(SuiteError::NothingToJudge { name: name.clone() });
    }
    items.extend(without_precision(suite, &golden, &candidate, choice));
    Ok(items)
}

/// The precisions of a golden set that a candidate of it lacks, with what cannot be excluded without them.
fn without_precision(suite: &dyn Judging, golden: &GoldenSet, candidate: &GoldenSet, choice: &Choice) -> Vec<Item> {
    let name = &golden.manifest().name;
    let lacks = |precision: Precision| candidate.manifest().precisions.get(precision).is_none();
    let told = |(precision, _): (Precision, Fingerprint)| {
        let id = Item::of(suite, name, precision);
        let why = Coverage::NoPrecision { precision: words::precision(precision) };
        (lacks(precision) && choice.takes_at(&id, precision))
            .then(|| Item::told(id, (name.as_str(), precision), Verdict::Skipped { reason: why.into() }))
    };
    judged_precisions(golden).into_iter().filter_map(told).collect()
}

/// The precisions of a set that are judged, with the circumstances of their recording. The truth is what they are held against.
fn judged_precisions(set: &GoldenSet) -> Vec<(Precision, Fingerprint)> {
    let recorded = set.manifest().precisions.iter().filter(|(precision, _)| *precision != Precision::Truth);
    recorded.map(|(precision, file)| (precision, file.fingerprint.clone())).collect()
}
