//! What to run, with nothing left to doubt.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use dinov3_golden::manifest::Profile;
use dinov3_model::dist::{Options, PremulSum};
use dinov3_model::fault::{Fault, Plant};
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
#[error(
    "there is nothing for the suite `reduce-op` to do: {0}\nhint: run it by itself on the CPU: `run --suite reduce-op`"
)]
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
    /// How `reduce-op` comes by PREMUL_SUM.
    pub premul: PremulSum,
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
        for path in &args.report {
            destination::check(path)?;
        }
        let premul = premul(args.premul)?;
        let source = match args.candidate {
            Some(folder) => Source::Candidate(folder),
            None => {
                let plant = args.plant.as_deref().map(plant).transpose()?;
                Source::Trainer { device: device::parse(&args.device)?, plant }
            }
        };
        Ok(Self {
            suites,
            golden: commands::golden_roots(args.golden.golden)?,
            profile: args.profile.into(),
            source,
            premul,
            reports: args.report,
            format: args.format.map(Format::from),
            allow_vacuous: args.allow_vacuous,
        })
    }

    /// What is planted, if anything is.
    pub fn fault(&self) -> Option<Fault> {
        match &self.source {
            Source::Trainer { plant, .. } => plant.map(|plant| plant.fault),
            Source::Candidate(_) => None,
        }
    }

    /// Whether ranks can work on it together.
    ///
    /// # Errors
    /// When it is to be computed on a device whose backend is not here.
    pub fn can_be_shared(&self) -> Result<(), EnvironmentFailure> {
        match &self.source {
            Source::Trainer { device, .. } if *device != Device::Cpu => Err(EnvironmentFailure(format!(
                "ranks exchange tensors over gloo, which has them on the CPU alone; there is no backend for {} here\n\
                 hint: leave out `--device`, or `--nproc` (torchrun): on one process the ranks of golden sets are threads",
                device::name(*device)
            ))),
            _ => Ok(()),
        }
    }

    /// What the suites that judge tensors are to do.
    pub fn judging(&self) -> judging::Request {
        judging::Request { golden: self.golden.clone(), profile: self.profile, source: self.source.clone() }
    }

    /// How this process joins other ranks.
    pub fn join_options(&self, rendezvous: Duration, collective: Duration) -> Options {
        Options { premul_sum: self.premul, fault: self.fault(), ..Options::gloo(rendezvous, collective) }
    }

    /// What the suite `reduce-op` is to do; a refusal where there is nothing for it to do.
    pub fn of_collectives(&self) -> Result<reduce_op::Request, NothingToReduce> {
        match &self.source {
            Source::Candidate(_) => Err(NothingToReduce("it judges no recordings")),
            Source::Trainer { device, .. } if *device != Device::Cpu => {
                Err(NothingToReduce("ranks exchange tensors over gloo, which has them on the CPU alone"))
            }
            Source::Trainer { plant: Some(plant), .. } if !plant.fault.is_of_the_collectives() => {
                Err(NothingToReduce("what is planted is in no collective"))
            }
            Source::Trainer { .. } => {
                Ok(reduce_op::Request { profile: self.profile, premul: self.premul, fault: self.fault(), seed: SEED })
            }
        }
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

fn premul(given: PremulArg) -> Result<PremulSum> {
    match given {
        PremulArg::Emulated => Ok(PremulSum::Emulated),
        PremulArg::SumAtOne => Ok(PremulSum::SumAtOne),
        PremulArg::Native => bail!(
            "gloo has no PREMUL_SUM: it raises in all_reduce and ignores the factor in reduce_scatter\n\
             hint: use `--premul emulated`; no other backend is here yet"
        ),
    }
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

    fn on(device: Device) -> Request {
        Request {
            suites: Vec::new(),
            golden: Vec::new(),
            profile: Profile::Quick,
            source: Source::Trainer { device, plant: None },
            premul: PremulSum::Emulated,
            reports: Vec::new(),
            format: None,
            allow_vacuous: Vec::new(),
        }
    }

    #[test]
    fn ranks_are_refused_where_their_tensors_could_not_be_exchanged() {
        assert!(on(Device::Cpu).can_be_shared().is_ok());
        insta::assert_snapshot!(on(Device::Cuda(1)).can_be_shared().unwrap_err(), @"
        ranks exchange tensors over gloo, which has them on the CPU alone; there is no backend for cuda:1 here
        hint: leave out `--device`, or `--nproc` (torchrun): on one process the ranks of golden sets are threads
        ");
    }
}
