//! What to run, with nothing left to doubt.

use std::path::PathBuf;

use anyhow::{Result, bail};
use dinov3_golden::manifest::Profile;
use dinov3_model::fault::{Fault, Plant};
use dinov3_reports::Format;
use dinov3_suites::catalogue::{self, SuiteInfo};
use dinov3_suites::judging::Source;

use crate::cli::RunArgs;
use crate::similar::most_like;
use crate::{commands, destination, device};

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
        let suites = suites(&args.suite)?;
        for path in &args.report {
            destination::check(path)?;
        }
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
            reports: args.report,
            format: args.format.map(Format::from),
            allow_vacuous: args.allow_vacuous,
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

fn suites(names: &[String]) -> Result<Vec<SuiteInfo>> {
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
        let new: Vec<_> = selected.into_iter().filter(|suite| !suites.contains(suite)).collect();
        suites.extend(new);
    }
    Ok(suites)
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
