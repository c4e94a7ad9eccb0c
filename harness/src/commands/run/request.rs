//! What to run, with nothing left to doubt.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use dinov3_config::fault::{Fault, Plant};
use dinov3_golden::manifest::Profile;
use dinov3_ranks::{Backend, Env, Options, PremulSum, launch};
use dinov3_reports::Format;
use dinov3_suites::catalogue::{self, SuiteInfo};
use dinov3_suites::judging::{self, Source};
use dinov3_suites::reduce_op;
use tch::Device;

use crate::cli::{PremulArg, RunArgs};
use crate::failure::EnvironmentFailure;
use crate::similar::most_like;
use crate::{commands, destination, device};

/// Why the suite `reduce-op` has nothing to do.
#[derive(Debug, thiserror::Error)]
#[error("there is nothing for the suite `reduce-op` to do: {0}\nhint: run it by itself: `run --suite reduce-op`")]
pub struct NothingToReduce(&'static str);

/// Of what `reduce-op` makes up: the same in every run, so that a failure can be had again.
const SEED: u64 = 20_251_125;

/// What to run.
pub struct Request {
    /// Each once, in the order asked for.
    pub suites: Vec<SuiteInfo>,
    /// Where golden sets are.
    pub golden: Vec<PathBuf>,
    /// How much.
    pub profile: Profile,
    /// Whose tensors are judged.
    pub source: Source,
    /// What ranks exchange tensors over, by name or path; what belongs to the device unless given.
    pub backend: Option<String>,
    /// How `reduce-op` comes by PREMUL_SUM; as the backend has it unless given.
    pub premul: Option<PremulSum>,
    /// Files for the report; each can be written, as far as can be told.
    pub reports: Vec<PathBuf>,
    /// The form in which standard output gets the report.
    pub format: Option<Format>,
    /// Ids of checks that may be vacuous.
    pub allow_vacuous: Vec<String>,
}

impl Request {
    /// The request that the arguments make.
    ///
    /// # Errors
    /// For arguments that cannot be met: everything that can be found out before the work is.
    pub fn of(args: RunArgs) -> Result<Self> {
        let narrowed = !args.golden.golden.is_empty();
        let suites = suites(&args.suite, narrowed)?;
        let shared =
            args.nproc.is_some_and(|count| count > 1) || launch::is_a_rank() || suites == [catalogue::REDUCE_OP];
        if shared && args.device.contains(':') && args.candidate.is_none() {
            bail!(
                "`{}` is one device, and each of several ranks takes its own\nhint: leave out the number; CUDA_VISIBLE_DEVICES says which there are",
                args.device
            );
        }
        for path in &args.report {
            destination::check(path)?;
        }
        let source = match args.candidate {
            Some(folder) => Source::Candidate(folder),
            None => {
                let plant = args.plant.as_deref().map(plant).transpose()?;
                Source::Trainer { device: device::parse(&args.device, local_rank()?)?, plant }
            }
        };
        let request = Self {
            suites,
            golden: commands::golden_roots(args.golden.golden)?,
            profile: args.profile.into(),
            source,
            backend: args.backend,
            premul: args.premul.map(PremulSum::from),
            reports: args.report,
            format: args.format.map(Format::from),
            allow_vacuous: args.allow_vacuous,
        };
        if let Some(premul) = request.premul {
            let hint = "use `--premul emulated`, or a backend that multiplies";
            request.backend()?.offers(premul).map_err(|error| anyhow!("{error}\nhint: {hint}"))?;
        } else if request.backend.is_some() {
            request.backend()?;
        }
        Ok(request)
    }

    /// What is planted, if anything is.
    pub fn fault(&self) -> Option<Fault> {
        match &self.source {
            Source::Trainer { plant, .. } => plant.map(|plant| plant.fault),
            Source::Candidate(_) => None,
        }
    }

    /// Where the trainer computes.
    fn computes_on(&self) -> Device {
        match &self.source {
            Source::Trainer { device, .. } => *device,
            Source::Candidate(_) => Device::Cpu,
        }
    }

    /// The name or path of what ranks exchange tensors over.
    fn backend_name(&self) -> &str {
        match (&self.backend, self.computes_on()) {
            (Some(name), _) => name,
            (None, Device::Cuda(_)) => "nccl",
            (None, _) => "gloo",
        }
    }

    /// What ranks exchange tensors over.
    ///
    /// # Errors
    /// When it is not here (environment), or is none (usage).
    pub fn backend(&self) -> Result<Backend> {
        let own = match self.computes_on() {
            Device::Cuda(index) => index,
            _ => local_rank()?,
        };
        Backend::named(self.backend_name(), own).map_err(|failure| {
            let told = format!("{failure}\nhint: {}", failure.hint());
            // Its name is right, but this build lacks it.
            if self.backend_name() == "nccl" { EnvironmentFailure(told).into() } else { anyhow!(told) }
        })
    }

    /// Whether ranks can work on it together.
    ///
    /// # Errors
    /// When what they would compute is not on the device that their backend is for.
    pub fn can_be_shared(&self) -> Result<()> {
        let (computed, exchanged) = (device::name(self.computes_on()), self.backend()?.device());
        if computed == exchanged || !self.suites.contains(&catalogue::TRAINING) {
            return Ok(());
        }
        bail!(
            "the trainer would compute on {computed}, and {} exchanges tensors of {exchanged}\n\
             hint: leave out `--backend`; of the suites, `reduce-op` alone needs no trainer on that device",
            self.backend_name()
        )
    }

    /// What the suites that judge tensors are to do.
    pub fn judging(&self) -> judging::Request {
        judging::Request { golden: self.golden.clone(), profile: self.profile, source: self.source.clone() }
    }

    /// How this process joins other ranks.
    pub fn join_options(&self, rendezvous: Duration, collective: Duration) -> Options {
        Options { fault: self.fault(), ..Options::new(rendezvous, collective) }
    }

    /// What the suite `reduce-op` is to do; a refusal where there is nothing for it to do.
    pub fn of_collectives(&self) -> Result<reduce_op::Request, NothingToReduce> {
        let device = match &self.source {
            Source::Candidate(_) => return Err(NothingToReduce("it judges no recordings")),
            Source::Trainer { plant: Some(plant), .. } if !plant.fault.is_of_the_collectives() => {
                return Err(NothingToReduce("what is planted is in no collective"));
            }
            Source::Trainer { device, .. } => *device,
        };
        Ok(reduce_op::Request {
            profile: self.profile,
            backend: self.backend_name().to_owned(),
            // Without ranks, it starts some, each for the device of its own number.
            device: match device {
                Device::Cuda(index) if launch::is_a_rank() => Some(index),
                _ => None,
            },
            premul: self.premul,
            fault: self.fault(),
            seed: SEED,
        })
    }

    /// What the report gives as device. The run of a trainer broken on purpose can be taken for no other.
    pub fn device(&self) -> String {
        match &self.source {
            Source::Trainer { device, plant: None } => device::name(*device),
            Source::Trainer { device, plant: Some(plant) } => format!("{} with {plant} planted", device::name(*device)),
            Source::Candidate(folder) => format!("recordings in {}", folder.display()),
        }
    }
}

/// `narrowed` to golden sets, a group has those of its suites alone that hold something against golden sets.
fn suites(names: &[String], narrowed: bool) -> Result<Vec<SuiteInfo>> {
    let mut suites: Vec<SuiteInfo> = Vec::new();
    for name in names {
        let selected = catalogue::select(name);
        if selected.is_empty() {
            let known = catalogue::CATALOGUE.iter().flat_map(|suite| [suite.name, suite.group]);
            match most_like(name, known) {
                Some(meant) => bail!("there is no suite `{name}`\nhint: did you mean `{meant}`?"),
                None => bail!("there is no suite `{name}`\nhint: the command `suites` lists them"),
            }
        }
        let wanted = |suite: &SuiteInfo| suite.name == name || !(narrowed && suite.needs_ranks);
        let new: Vec<_> = selected.into_iter().filter(|it| wanted(it) && !suites.contains(it)).collect();
        suites.extend(new);
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
    Env::from_torchrun().map(|env| env.local_rank).map_err(|error| anyhow!("{error}\nhint: {}", error.hint()))
}

fn plant(text: &str) -> Result<Plant> {
    if let Ok(plant) = text.parse() {
        return Ok(plant);
    }
    let (name, block) = text.split_once('@').unwrap_or((text, "0"));
    let names = Fault::ALL.map(Fault::name);
    let in_a_block = |known: &str| Fault::ALL.iter().any(|fault| fault.name() == known && fault.is_in_a_block());
    match most_like(name, names) {
        Some(known) if known == name && !in_a_block(known) => {
            bail!("`{name}` sits in no block, so `{text}` says nothing\nhint: give it without a block: {known}")
        }
        Some(known) if known == name => {
            bail!("`{block}` in `{text}` is no block\nhint: give its index, such as {known}@1")
        }
        Some(meant) => bail!("`{name}` is not a fault that can be planted\nhint: did you mean `{meant}`?"),
        None => bail!("`{name}` is not a fault that can be planted\nhint: use one of {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(device: Device, backend: Option<&str>, suite: SuiteInfo) -> Request {
        Request {
            suites: vec![suite],
            golden: Vec::new(),
            profile: Profile::Quick,
            source: Source::Trainer { device, plant: None },
            backend: backend.map(str::to_owned),
            premul: None,
            reports: Vec::new(),
            format: None,
            allow_vacuous: Vec::new(),
        }
    }

    #[test]
    fn ranks_are_refused_where_their_tensors_could_not_be_exchanged() {
        assert!(on(Device::Cpu, None, catalogue::TRAINING).can_be_shared().is_ok());
        assert!(on(Device::Cuda(1), Some("gloo"), catalogue::REDUCE_OP).can_be_shared().is_ok());
        insta::assert_snapshot!(on(Device::Cuda(1), Some("gloo"), catalogue::TRAINING).can_be_shared().unwrap_err(), @"
        the trainer would compute on cuda:1, and gloo exchanges tensors of cpu
        hint: leave out `--backend`; of the suites, `reduce-op` alone needs no trainer on that device
        ");
    }

    #[test]
    fn on_cuda_it_is_nccl_or_said_why_not() {
        let on_cuda = on(Device::Cuda(1), None, catalogue::TRAINING);
        match on_cuda.backend() {
            Ok(backend) => {
                assert_eq!((backend.to_string(), backend.device()), ("nccl".to_owned(), "cuda:1".to_owned()))
            }
            Err(error) => {
                assert!(error.is::<EnvironmentFailure>());
                assert!(error.to_string().starts_with("backend `nccl` is not in this build: "), "{error}");
            }
        }
    }
}
