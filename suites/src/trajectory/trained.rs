//! Our own trainer over a recorded run, and single steps from its states.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use dinov3_compare::told::{self, words};
use dinov3_golden::Fingerprint;
use dinov3_golden::manifest::Profile;
use dinov3_program::Recipe;
use dinov3_reports::message::{RunCheck, Trajectory as Says};
use dinov3_reports::{Check, Event, Reporter, Section};
use dinov3_torch::device::Device;
use dinov3_torch::runtime;
use dinov3_trajectory::{CheckKind, Options, Recording, Run, judge, judge_pair};

use super::places::{self, Recorded};
use super::states::States;
use super::{Failure, INFO, QUICK, checks, live};
use crate::judging::replay::this_machine;
use crate::training::Training;
use crate::{Plan, Request, Session, Suite, SuiteError};

/// Our own trainer over the recorded run, at each precision, and single steps from recorded states.
pub(super) struct Trained<'a> {
    recorded: Recorded,
    /// By precision.
    fingerprints: HashMap<String, Fingerprint>,
    recipe: &'static Recipe,
    profile: Profile,
    device: Device,
    /// The steps asked for.
    most: Option<u64>,
    output: Option<PathBuf>,
    steps: Option<Box<dyn Plan + 'a>>,
}

impl<'a> Trained<'a> {
    pub(super) fn of(device: Device, request: &Request, session: &Session) -> Result<Self, SuiteError> {
        let mut recorded = Recorded::open(&request.golden)?;
        if let Some(precision) = request.choice.precision {
            recorded.trajectory.recordings.retain(|recording| recording.entry.precision == precision.to_string());
        }
        let recipe = Recipe::named(&recorded.trajectory.manifest.recipe.name).map_err(Failure::from)?;
        let of = |recording: &Recording| Ok((recording.entry.precision.clone(), places::fingerprint(recording)?));
        let fingerprints = recorded.trajectory.recordings.iter().map(of).collect::<Result<_, Failure>>()?;
        let states = places::states(&request.golden)?;
        let steps = match states.is_empty() {
            true => None,
            false => match Suite::plan(&Training, &Request { golden: states, ..request.clone() }, session) {
                Ok(steps) => Some(steps),
                // The checks that are asked for are of other steps.
                Err(error) if error.is_idle() => None,
                Err(error) => return Err(error),
            },
        };
        Ok(Self {
            recorded,
            fingerprints,
            recipe,
            profile: request.profile,
            device,
            most: request.runs.steps,
            output: request.runs.output.clone(),
            steps,
        })
    }

    fn name(&self, precision: &str) -> String {
        format!("{}/{precision}", self.recorded.trajectory.manifest.name)
    }

    fn id(&self, precision: &str, check: RunCheck) -> String {
        format!("{}/{}/{}", INFO.name, self.name(precision), words::slug(check))
    }

    /// Whether this machine can give the recording's bits.
    fn expects_bits(&self, recording: &Recording) -> bool {
        let recorded = &self.fingerprints[&recording.entry.precision];
        let here = Fingerprint { threads: recorded.threads, ..this_machine(self.device) };
        recorded.differences(&here).is_empty()
    }

    /// What of a verdict decides: identity where bits are expected, and all else where not. States decide as well where bits are expected.
    fn kinds(&self, recording: &Recording) -> impl Iterator<Item = CheckKind> + use<> {
        let bits = self.expects_bits(recording);
        CheckKind::ALL.into_iter().filter(move |kind| (*kind == CheckKind::Identity) == bits)
    }

    /// The steps that are taken.
    fn length(&self, recording: &Recording) -> u64 {
        match self.profile {
            Profile::Quick => recording.entry.steps.min(self.most.unwrap_or(QUICK)),
            Profile::Full => recording.entry.steps.min(self.most.unwrap_or(u64::MAX)),
        }
    }

    fn train(&self, recording: &Recording, folder: &Path, reporter: &mut dyn Reporter) -> Result<Run, Failure> {
        runtime::set_threads(self.fingerprints[&recording.entry.precision].threads);
        let training = live::Training {
            recipe: self.recipe,
            overrides: vec![format!("compute_precision.param_dtype={}", recording.entry.precision)],
            steps: self.length(recording),
            device: self.device,
            folder,
        };
        live::train(&training, reporter)
    }

    fn judge(&self, recording: &Recording, reporter: &mut dyn Reporter) -> Result<Vec<Section>, SuiteError> {
        let (precision, steps) = (recording.entry.precision.as_str(), self.length(recording));
        let (name, bits, begun) = (self.name(precision), self.expects_bits(recording), Instant::now());
        if let Some(first) = self.kinds(recording).next().map(words::check) {
            let title = Says::Title { check: first, run: name.clone() };
            let id = self.id(precision, first);
            reporter.event(&Event::CheckStarted { id, title: title.into(), steps: Some(steps) })?;
        }
        let scratch = tempfile::tempdir().map_err(SuiteError::Scratch)?;
        let folder = match self.profile {
            Profile::Quick => scratch.path().to_owned(),
            Profile::Full => {
                live::folder_of(self.output.as_deref(), &self.recorded.trajectory.manifest.name, precision)
            }
        };
        let run = self.train(recording, &folder, reporter)?;
        let options = Options { until: Some(steps), identical: bits, ..Options::default() };
        let verdict = match bits {
            // Bits decide, and no spread does.
            true => judge_pair(&run, &recording.run, &[], &options),
            false => judge(&run, &recording.run, &self.recorded.spread(precision)?, &options),
        };
        let of = |kind| told::of(self.id(precision, words::check(kind)), kind, &name, &verdict);
        let mut found: Vec<Check> = self.kinds(recording).map(of).collect();
        if bits {
            let states = States::of(&folder, &recording.entry.states, steps).map_err(Failure::States)?;
            found.push(checks::of_states(self.id(precision, RunCheck::States), &name, &states));
        }
        // All checks of a run are made at once.
        let mut seconds = begun.elapsed().as_secs_f64();
        for mut check in found {
            check.seconds = std::mem::take(&mut seconds);
            reporter.event(&Event::CheckFinished { check })?;
        }
        Ok(told::sections(&name, &verdict))
    }
}

impl Plan for Trained<'_> {
    fn checks(&self) -> Vec<String> {
        let of_run = |recording: &Recording| -> Vec<String> {
            let states = self.expects_bits(recording).then_some(RunCheck::States);
            let all = self.kinds(recording).map(words::check).chain(states);
            all.map(|check| self.id(&recording.entry.precision, check)).collect()
        };
        let runs = self.recorded.trajectory.recordings.iter().flat_map(of_run);
        runs.chain(self.steps.iter().flat_map(|steps| steps.checks())).collect()
    }

    fn lead(&self, session: &Session, reporter: &mut dyn Reporter) -> Result<Vec<Section>, SuiteError> {
        let mut sections = Vec::new();
        for recording in &self.recorded.trajectory.recordings {
            sections.extend(self.judge(recording, reporter)?);
        }
        if let Some(steps) = &self.steps {
            sections.extend(steps.lead(session, reporter)?);
        }
        Ok(sections)
    }

    fn follow(&self, session: &Session) -> Result<(), SuiteError> {
        self.steps.as_ref().map_or(Ok(()), |steps| steps.follow(session))
    }
}
