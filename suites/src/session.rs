//! The ranks of a run, and its suites one after another: rank 0 leads, the others do what it says.

mod channel;

use std::time::{Duration, Instant};

use dinov3_ranks::{
    Collective, Env, Failure, Group, GroupError, GroupOptions, Options, PremulSum, ProcessGroup, launch,
};
use dinov3_reports::{Event, Reporter};

pub use channel::{Word, gather, hear, say};

use crate::reduce_op::RanksError;
use crate::suite::{self, Plan, SuiteInfo};
use crate::{Request, SuiteError};

/// For how long the others wait for rank 0's next word: it may have suites of its own to run. A rank that dies is noticed at once.
const PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);

/// For how long a trainer's collective waits for the others, which are at the same step: not every backend notices a death before.
const STEP: Duration = Duration::from_secs(30 * 60);

/// The ranks of a run, if it has several, seen from this process.
#[derive(Debug)]
pub struct Session {
    ranks: Option<Ranks>,
}

/// Ranks, connected twice.
#[derive(Clone, Debug)]
pub struct Ranks {
    /// For what ranks tell each other, on the host.
    pub all: ProcessGroup,
    /// For what their trainers exchange, on the device that these compute on.
    pub trains: ProcessGroup,
    /// How tensors are exchanged.
    pub tensors: GroupOptions,
}

/// A suite and what it does for the request of the run.
pub type Planned<'a> = (SuiteInfo, Box<dyn Plan + 'a>);

impl Session {
    /// A run of one process.
    pub fn alone() -> Self {
        Self { ranks: None }
    }

    /// The ranks of torchrun's environment; alone where this process was not started as a rank.
    ///
    /// # Errors
    /// When the environment contradicts itself, another rank does not come, or the backend does not connect the ranks.
    pub fn open(request: &Request) -> Result<Self, SuiteError> {
        if !launch::is_a_rank() {
            return Ok(Self::alone());
        }
        let env = Env::from_torchrun().map_err(RanksError::from)?;
        let all = ProcessGroup::join(&env, Options::new(env.patience, PATIENCE))?;
        let refused = |failure| GroupError { rank: env.rank, collective: Collective::NewGroup, failure };
        let tensors = tensors(request, STEP).map_err(refused)?;
        let message = "this rank is none of its own run".to_owned();
        let trains = all.new_group_with(all.members(), tensors)?;
        let trains = trains.ok_or_else(|| refused(Failure::Mismatch { message }))?;
        Ok(Self { ranks: Some(Ranks { all, trains, tensors }) })
    }

    /// The ranks, where there are several processes.
    pub fn ranks(&self) -> Option<&Ranks> {
        self.ranks.as_ref()
    }

    /// Whether this process leads: it is rank 0, or alone.
    pub fn leads(&self) -> bool {
        self.ranks.as_ref().is_none_or(|ranks| ranks.all.rank() == 0)
    }

    /// Runs suites one after another, each of whose events go to `reporter`.
    ///
    /// # Errors
    /// When a suite cannot judge after all, another rank is gone, or `reporter` fails.
    pub fn lead(&self, plans: &[Planned<'_>], reporter: &mut dyn Reporter) -> Result<(), SuiteError> {
        plans.iter().try_for_each(|(info, plan)| self.lead_one(*info, plan.as_ref(), reporter))
    }

    fn lead_one(&self, info: SuiteInfo, plan: &dyn Plan, reporter: &mut dyn Reporter) -> Result<(), SuiteError> {
        let started = Instant::now();
        if let (Some(ranks), true) = (&self.ranks, info.ranks != suite::Part::None) {
            ranks.say(&Word::Suite(info.name.to_owned()))?;
        }
        reporter.event(&Event::SuiteStarted {
            suite: info.name.to_owned(),
            group: Some(info.group.to_owned()),
            proves: info.proves.into(),
            planned: plan.checks(),
        })?;
        let sections = plan.lead(self, reporter)?;
        let seconds = started.elapsed().as_secs_f64();
        reporter.event(&Event::SuiteFinished { suite: info.name.to_owned(), sections, seconds })?;
        Ok(())
    }

    /// Rank 0 says that the run is over, with this exit code, and waits until all have heard.
    ///
    /// # Errors
    /// When another rank is gone.
    pub fn end(&self, code: i32) -> Result<(), SuiteError> {
        match &self.ranks {
            Some(ranks) => {
                ranks.say(&Word::End(code))?;
                Ok(ranks.all.barrier()?)
            }
            None => Ok(()),
        }
    }

    /// Does what rank 0 says; gives its exit code.
    ///
    /// # Errors
    /// When another rank is gone, or this one cannot do its part.
    pub fn follow(&self, request: &Request) -> Result<i32, SuiteError> {
        let Some(ranks) = &self.ranks else { return Err(RanksError::Alone.into()) };
        loop {
            let word = hear(&ranks.all)?;
            match &word {
                Word::End(code) => {
                    ranks.all.barrier()?;
                    return Ok(*code);
                }
                Word::Suite(name) => match suite::named(name) {
                    Some(suite) => suite.plan(request, self)?.follow(self)?,
                    None => return Err(RanksError::Unexpected(word).into()),
                },
                Word::Replay { .. } => return Err(RanksError::Unexpected(word).into()),
            }
        }
    }
}

impl Ranks {
    /// Rank 0 tells the others.
    ///
    /// # Errors
    /// When a rank is gone.
    pub fn say(&self, word: &Word) -> Result<(), SuiteError> {
        say(&self.all, word)
    }

    /// Whether rank 0 replays all steps of a set in a row.
    ///
    /// # Errors
    /// When rank 0 has ended the run, with an error of its own, or is gone.
    pub fn free_run(&self) -> Result<bool, SuiteError> {
        match hear(&self.all)? {
            Word::Replay { free_run } => Ok(free_run),
            Word::End(_) => {
                let failure = Failure::Gone { ranks: vec![0] };
                Err(GroupError { rank: self.all.rank(), collective: Collective::Broadcast, failure }.into())
            }
            word @ Word::Suite(_) => Err(RanksError::Unexpected(word).into()),
        }
    }
}

/// How ranks exchange tensors for this request; a collective waits for so long.
fn tensors(request: &Request, timeout: Duration) -> Result<GroupOptions, Failure> {
    let options = GroupOptions::over(request.backend()?, timeout);
    let premul_sum: PremulSum = request.premul.unwrap_or(options.premul_sum);
    Ok(GroupOptions { premul_sum, ..options })
}

/// Runs one suite in this process alone.
///
/// # Errors
/// When the suite cannot judge, or `reporter` fails.
pub fn run_alone(suite: &dyn suite::Suite, request: &Request, reporter: &mut dyn Reporter) -> Result<(), SuiteError> {
    let session = Session::alone();
    let plan = suite.plan(request, &session)?;
    session.lead(&[(suite.info(), plan)], reporter)
}
