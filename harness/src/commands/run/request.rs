//! What to run, with nothing left to doubt.

use std::path::PathBuf;

use dinov3_ground::Hint;
use dinov3_ground::similar::most_like;
use dinov3_program::Only;
use dinov3_ranks::{Backend, Env, PremulSum, launch};
use dinov3_reports::Judged;
use dinov3_suites::performance::Asked;
use dinov3_suites::trajectory::Runs;
use dinov3_suites::{Choice, OtherNames, Part, Pattern, SUITES, Source, Suite, Worker};

use super::gate::Gate;
use super::launch::this_program;
use crate::cli::{PerformanceArgs, PrecisionArg, PremulArg, RunArgs};
use crate::commands::worker;
use crate::deliver::Output;
use crate::failure::{EnvironmentFailure, Result, refusal};
use crate::{commands, destination, device, plants};

/// What to run.
pub struct Request {
    /// Each once, in the order asked for.
    pub suites: Vec<&'static dyn Suite>,
    /// What the suites are to do.
    pub work: dinov3_suites::Request,
    /// Where the report goes.
    pub output: Output,
    /// The file that gets the events; it can be written, as far as can be told.
    pub events: Option<PathBuf>,
    /// Ids of checks that may be vacuous.
    pub allow_vacuous: Vec<String>,
    /// What the run is held against.
    pub gate: Option<Gate>,
    /// The names of suites and groups that were asked for.
    pub named: Vec<String>,
    /// Checks that must be made.
    pub required: Vec<Pattern>,
}

impl Request {
    /// The request that the arguments make.
    ///
    /// # Errors
    /// For arguments that cannot be met: everything that can be found out before the work is.
    pub fn of(args: RunArgs) -> Result<Self> {
        let narrowed = !args.golden.golden.is_empty();
        let suites = suites(&args.suite, narrowed)?;
        if let Some(option) =
            args.performance.given().filter(|_| !suites.iter().any(|suite| suite.info().ranks == Part::Train))
        {
            let hint = "ask for it by name: `--suite performance`";
            return Err(refusal(format!("`{option}` is for the suite `performance`, which does not run here"), hint));
        }
        let plant = args.plant.as_deref().map(plants::plant).transpose()?;
        let suites = match &plant {
            Some(plant) => plants::shows_in(plant, suites, &args.suite)?,
            None => suites,
        };
        let judged_alone = suites.iter().all(|suite| suite.info().ranks == Part::Judged);
        let shared = args.nproc.is_some_and(|count| count > 1) || launch::is_a_rank() || judged_alone;
        if shared && args.device.contains(':') && args.candidate.is_empty() {
            return Err(refusal(
                format!("`{}` is one device, and each of several ranks takes its own", args.device),
                "leave out the number; CUDA_VISIBLE_DEVICES says which there are",
            ));
        }
        let output = Output::of(args.output)?;
        let gate = Gate::of(args.gate)?;
        if let Some(path) = &args.events {
            destination::check_file(path)?;
        }
        let source = if args.candidate.is_empty() {
            Source::Trainer { device: device::parse(&args.device, local_rank()?, args.plugin.as_deref())?, plant }
        } else {
            Source::Candidate(args.candidate)
        };
        let worker = Worker { program: this_program()?, arguments: worker::ARGUMENTS.map(Into::into).into() };
        let work = dinov3_suites::Request {
            golden: commands::golden_roots(args.golden.golden)?,
            profile: args.profile.into(),
            source,
            backend: args.backend,
            premul: args.premul.map(PremulSum::from),
            local_rank: local_rank()?,
            choice: Choice {
                checks: args.choice.check,
                precision: args.precision.map(PrecisionArg::precision),
                allow_missing: args.choice.allow_missing,
                names: args.choice.names.as_deref().map(OtherNames::read).transpose()?.unwrap_or_default(),
            },
            runs: Runs {
                against: args.against,
                spread: args.spread,
                output: args.output_dir,
                steps: args.steps,
                margin: args.margin,
                precision: args.precision.map(|precision| precision.name().to_owned()),
            },
            performance: performance(args.performance),
            worker,
        };
        let request = Self {
            suites,
            work,
            output,
            events: args.events,
            allow_vacuous: args.allow_vacuous,
            named: args.suite,
            required: args.choice.require,
            gate,
        };
        if let Some(premul) = request.work.premul {
            let hint = "use `--premul emulated`, or a backend that multiplies";
            request.backend()?.offers(premul).map_err(|error| refusal(error.to_string(), hint))?;
        } else if request.work.backend.is_some() || request.judges_ranks() {
            request.backend()?;
        }
        Ok(request)
    }

    /// Whether what ranks exchange tensors over is itself judged.
    fn judges_ranks(&self) -> bool {
        let judged = self.suites.iter().any(|suite| suite.info().ranks == Part::Judged);
        judged && matches!(self.work.source, Source::Trainer { .. })
    }

    /// What ranks exchange tensors over.
    ///
    /// # Errors
    /// When it is not here (environment), or is none (usage).
    pub fn backend(&self) -> Result<Backend> {
        self.work.backend().map_err(|failure| {
            match self.work.backend_name() {
                // Its name is right, but this build lacks it.
                "nccl" => EnvironmentFailure::new(failure.to_string(), failure.hints()).into(),
                _ => failure.into(),
            }
        })
    }

    /// Whether ranks can work on it together.
    ///
    /// # Errors
    /// When what they would compute is not on the device that their backend is for.
    pub fn can_be_shared(&self) -> Result<()> {
        let (computed, exchanged) = (self.work.device(), self.backend()?.device());
        let trains = self.suites.iter().any(|suite| matches!(suite.info().ranks, Part::WhereRecorded | Part::Train));
        if computed == exchanged || !trains {
            return Ok(());
        }
        Err(refusal(
            format!(
                "the trainer would compute on {computed}, and {} exchanges tensors of {exchanged}",
                self.work.backend_name()
            ),
            "leave out `--backend`; of the suites, `reduce-op` alone needs no trainer on that device",
        ))
    }

    /// Whose tensors the report is about. The run of a trainer broken on purpose can be taken for no other.
    pub fn judged(&self) -> Judged {
        match &self.work.source {
            Source::Trainer { device, plant } => {
                Judged::Trainer { device: device.to_string(), planted: plant.map(|plant| plant.to_string()) }
            }
            Source::Candidate(folders) => candidates(folders),
        }
    }
}

/// The recordings that a report is about.
pub(super) fn candidates(folders: &[PathBuf]) -> Judged {
    let folders: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    Judged::Candidate { folder: folders.join(", ") }
}

/// What the suite `performance` is asked for.
fn performance(args: PerformanceArgs) -> Asked {
    Asked {
        recipe: args.recipe,
        epochs: args.epochs,
        batch: args.batch_size,
        data: args.data,
        extra: args.extra,
        only: match (args.data_only, args.compute_only) {
            (true, _) => Only::Data,
            (false, true) => Only::Compute,
            (false, false) => Only::Everything,
        },
        allow: args.allow,
        delay: None,
    }
}

/// `narrowed` to golden sets, a group has those of its suites alone that hold something against golden sets.
fn suites(names: &[String], narrowed: bool) -> Result<Vec<&'static dyn Suite>> {
    let mut suites: Vec<&'static dyn Suite> = Vec::new();
    for name in names {
        let selected = dinov3_suites::select(name);
        if selected.is_empty() {
            let known = SUITES.iter().map(|suite| suite.info()).flat_map(|info| [info.name, info.group]);
            let hint = match name.contains(',') {
                true => Some("give each by an option of its own: `--suite layers --suite training`".to_owned()),
                false => most_like(name, known).map(|meant| format!("did you mean `{meant}`?")),
            };
            let hint = hint.unwrap_or_else(|| "the command `suites` lists them".to_owned());
            return Err(refusal(format!("there is no suite `{name}`"), hint));
        }
        for suite in selected {
            let info = suite.info();
            let wanted = info.name == name || !(narrowed && info.ranks == Part::Judged);
            if wanted && !suites.iter().any(|it| it.info() == info) {
                suites.push(suite);
            }
        }
    }
    Ok(suites)
}

impl From<PremulArg> for PremulSum {
    fn from(given: PremulArg) -> Self {
        match given {
            PremulArg::Emulated => Self::Emulated,
            PremulArg::SumAtOne => Self::SumAtOne,
            PremulArg::Native => Self::Native,
        }
    }
}

/// This process's number on its machine, among ranks; 0 where it is none.
fn local_rank() -> Result<usize> {
    if !launch::is_a_rank() {
        return Ok(0);
    }
    Ok(Env::from_torchrun()?.local_rank)
}

#[cfg(test)]
mod tests {
    use dinov3_golden::manifest::Profile;
    use dinov3_ground::hint::text;
    use dinov3_suites::reduce_op::ReduceOp;
    use dinov3_suites::training::Training;
    use dinov3_torch::device::Device;

    use super::*;

    fn on(device: Device, backend: Option<&str>, suite: &'static dyn Suite) -> Request {
        let source = Source::Trainer { device, plant: None };
        let work = dinov3_suites::Request::of_sets(Vec::new(), Profile::Quick, source);
        Request {
            suites: vec![suite],
            work: dinov3_suites::Request { backend: backend.map(str::to_owned), ..work },
            output: Output { reports: Vec::new(), format: None, lang: dinov3_reports::Lang::En },
            events: None,
            allow_vacuous: Vec::new(),
            gate: None,
            named: Vec::new(),
            required: Vec::new(),
        }
    }

    #[test]
    fn ranks_are_refused_where_their_tensors_could_not_be_exchanged() {
        assert!(on(Device::Cpu, None, &Training).can_be_shared().is_ok());
        assert!(on(Device::Cuda(1), Some("gloo"), &ReduceOp).can_be_shared().is_ok());
        let refused = on(Device::Cuda(1), Some("gloo"), &Training).can_be_shared().unwrap_err();
        insta::assert_snapshot!(text(refused.as_hint()), @"
        the trainer would compute on cuda:1, and gloo exchanges tensors of cpu
        hint: leave out `--backend`; of the suites, `reduce-op` alone needs no trainer on that device
        ");
    }

    #[test]
    fn on_cuda_it_is_nccl_or_said_why_not() {
        let on_cuda = on(Device::Cuda(1), None, &Training);
        match on_cuda.backend() {
            Ok(backend) => {
                assert_eq!((backend.to_string(), backend.device()), ("nccl".to_owned(), Device::Cuda(1)))
            }
            Err(error) => {
                assert!(error.is::<EnvironmentFailure>());
                assert!(error.to_string().starts_with("backend `nccl` is not in this build: "), "{error}");
            }
        }
    }
}
