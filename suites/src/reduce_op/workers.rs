//! Ranks that the suite starts. They get the request as one argument, and rank 0 sends its findings back, a line each.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use dinov3_golden::manifest::Profile;
use dinov3_ground::{Hint, Hints};
use dinov3_ranks::launch::{self, Death, Ended, LaunchError, Show};
use dinov3_ranks::{Backend, Collective, Env, EnvError, GroupError, Options, PluginError, PremulSum, ProcessGroup};
use dinov3_reports::{Event, Reporter, Section, exit};
use dinov3_torch::{device, runtime};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{INFO, Ranks, Request, lead, patience, take_part};
use crate::defects::NotPlanted;
use crate::session::Word;
use crate::{SuiteError, Worker};

/// The beginning of each line for the suite. Other lines on standard output are not for it.
const SIGN: &str = "dinov3-reduce-op ";

/// The ranks to start: a program that hands its last argument to [`work`].
#[derive(Clone, Debug)]
pub struct Workers {
    /// The program.
    pub program: PathBuf,
    /// Its arguments before the last.
    pub arguments: Vec<OsString>,
    /// The number of ranks.
    pub ranks: usize,
}

/// The reason why ranks did not start, or did not finish.
#[derive(Debug, Error)]
pub enum RanksError {
    /// The ranks could not be started.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// A rank failed.
    #[error("{0}{said}", said = said(.0))]
    Failed(Death),
    /// Rank 0 ended without an error, and before its last event.
    #[error("the ranks ended before they had told everything")]
    Silent,
    /// A line of rank 0, or the request to the ranks, cannot be parsed.
    #[error("unexpected message from a rank: {0}")]
    Line(#[from] serde_json::Error),
    /// A message between ranks cannot be parsed.
    #[error("unexpected message from a rank: {0}")]
    Message(postcard::Error),
    /// The ranks do not know the defect that they are to plant.
    #[error(transparent)]
    Plant(#[from] NotPlanted),
    /// A message between ranks came at the wrong time.
    #[error("unexpected message from a rank: {0:?}")]
    Unexpected(Word),
    /// A call that only a rank among several can make.
    #[error("this process is no rank of several")]
    Alone,
    /// A plugin cannot tell the number of devices.
    #[error(transparent)]
    Plugin(PluginError),
    /// There is no device of the backend's kind.
    #[error("{backend} exchanges tensors of devices, and there is none")]
    NoDevice {
        /// The backend.
        backend: String,
    },
    /// This process was not started as a rank.
    #[error(transparent)]
    Env(#[from] EnvError),
}

impl Hint for RanksError {
    fn hints(&self) -> Hints {
        match self {
            Self::Launch(error) => error.hints(),
            Self::Failed(death) => death.hints(),
            Self::Silent | Self::Line(_) | Self::Message(_) | Self::Unexpected(_) | Self::Plant(_) | Self::Alone => {
                "start ranks of the same build".into()
            }
            Self::Plugin(error) => error.hints(),
            Self::NoDevice { .. } => "see that the device's driver is there".into(),
            Self::Env(error) => error.hints(),
        }
    }
}

fn said(death: &Death) -> String {
    let lines = death.last_words.lines().filter(|line| !line.trim().is_empty());
    // The hints of a rank are not ours.
    lines.map(|line| format!("\n  {}", line.trim_start_matches("error: "))).collect()
}

/// A [`Request`] as a message.
#[derive(Serialize, Deserialize)]
struct Asked {
    full: bool,
    backend: String,
    device: Option<usize>,
    premul: Option<Premul>,
    plant: Option<String>,
    seed: u64,
}

/// [`PremulSum`].
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Premul {
    Native,
    Emulated,
    SumAtOne,
}

impl From<PremulSum> for Premul {
    fn from(premul: PremulSum) -> Self {
        match premul {
            PremulSum::Native => Self::Native,
            PremulSum::Emulated => Self::Emulated,
            PremulSum::SumAtOne => Self::SumAtOne,
        }
    }
}

impl From<Premul> for PremulSum {
    fn from(premul: Premul) -> Self {
        match premul {
            Premul::Native => Self::Native,
            Premul::Emulated => Self::Emulated,
            Premul::SumAtOne => Self::SumAtOne,
        }
    }
}

/// The most ranks that the suite starts: worlds of 1, 2, 4 and 8.
const MOST: usize = 8;

impl Workers {
    /// The ranks that the suite starts for `request`: one per device, unless tensors are in the host's memory.
    pub(super) fn of(request: &crate::Request) -> Result<Self, SuiteError> {
        let refused = |failure| GroupError { rank: 0, collective: Collective::NewGroup, failure };
        let backend = request.backend().map_err(refused)?;
        let devices = match backend {
            Backend::Gloo => None,
            Backend::Nccl { .. } => Some(device::cuda_devices()),
            Backend::Plugin { plugin, .. } => plugin.devices().map_err(RanksError::Plugin)?,
        };
        let ranks = devices.map_or(MOST, |count| count.min(MOST));
        if ranks == 0 {
            return Err(RanksError::NoDevice { backend: backend.to_string() }.into());
        }
        let Worker { program, arguments } = request.worker.clone();
        Ok(Self { program, arguments, ranks })
    }

    pub(super) fn run(&self, request: &Request, reporter: &mut dyn Reporter) -> Result<Vec<Section>, SuiteError> {
        let asked = Asked {
            full: request.profile == Profile::Full,
            backend: request.backend.clone(),
            device: request.device,
            premul: request.premul.map(Premul::from),
            plant: request.plant.map(|plant| plant.to_string()),
            seed: request.seed,
        };
        let mut arguments = self.arguments.clone();
        arguments.push(serde_json::to_string(&asked).map_err(RanksError::from)?.into());
        let program = self.program.clone();
        let launch =
            launch::Request { ranks: self.ranks, program, arguments, consequence: exit::PEER, show: Show::Lines };
        let launch = launch.resolve().map_err(RanksError::from)?;
        let mut sections = None;
        let mut heard: Result<(), SuiteError> = Ok(());
        let ended = launch.run(&mut |line| {
            if let (Some((_, word)), Ok(())) = (line.split_once(SIGN), &heard) {
                heard = hear(word, reporter, &mut sections);
            }
        });
        match ended.map_err(RanksError::from)? {
            Ended::Together(0) => heard.and(sections.ok_or_else(|| RanksError::Silent.into())),
            Ended::Together(code) => {
                let how = launch::How::Code(code);
                Err(RanksError::Failed(Death { rank: 0, of: self.ranks, how, last_words: String::new() }).into())
            }
            Ended::Failed(death) => Err(RanksError::Failed(death).into()),
            Ended::Told { signal } => Err(SuiteError::Signal { signal }),
        }
    }
}

/// Passes on an event of rank 0. The end of its suite carries the sections; the starter of the ranks emits the other events.
fn hear(line: &str, reporter: &mut dyn Reporter, sections: &mut Option<Vec<Section>>) -> Result<(), SuiteError> {
    match serde_json::from_str(line).map_err(RanksError::from)? {
        Event::SuiteFinished { sections: all, .. } => *sections = Some(all),
        event => reporter.event(&event)?,
    }
    Ok(())
}

/// The main function of a worker: joins the other ranks and does its part of `asked`, its last argument. Rank 0 writes events to `output`.
///
/// # Errors
/// If this process is no rank, `asked` cannot be parsed, or another rank is gone or late.
pub fn work(asked: &str, output: &mut dyn Write) -> Result<(), SuiteError> {
    let asked: Asked = serde_json::from_str(asked).map_err(RanksError::from)?;
    let request = Request {
        profile: if asked.full { Profile::Full } else { Profile::Quick },
        backend: asked.backend,
        device: asked.device,
        premul: asked.premul.map(PremulSum::from),
        plant: asked.plant.map(|plant| plant.parse()).transpose().map_err(RanksError::from)?,
        seed: asked.seed,
    };
    let env = Env::from_torchrun().map_err(RanksError::from)?;
    // Many ranks share the cores, so each has one thread.
    runtime::set_threads(1);
    let options = Options::new(env.patience, patience(request.profile));
    let all = &ProcessGroup::join(&env, options)?;
    let refused = |failure| GroupError { rank: env.rank, collective: Collective::NewGroup, failure };
    let ranks = Ranks { all, tested: request.group_options(env.local_rank).map_err(refused)? };
    if env.rank > 0 {
        return take_part(&request, ranks);
    }
    let mut teller = Teller(output);
    let sections = lead(&request, ranks, &mut teller)?;
    Ok(teller.event(&Event::SuiteFinished { suite: INFO.name.to_owned(), sections, seconds: 0.0 })?)
}

/// The reporter that writes events as lines of JSON.
struct Teller<'a>(&'a mut dyn Write);

impl Reporter for Teller<'_> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        writeln!(self.0, "{SIGN}{}", serde_json::to_string(event)?)?;
        self.0.flush()
    }
}
