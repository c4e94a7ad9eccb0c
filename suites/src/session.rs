//! The ranks of a run, and its suites one after another. Rank 0 leads; the other ranks follow.

mod channel;

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use dinov3_golden::Precision;
use dinov3_ranks::{
    Collective, Env, Failure, Group, GroupError, GroupOptions, Options, PremulSum, ProcessGroup, launch,
};
use dinov3_reports::{Event, Message, Reporter};

pub use channel::{Word, gather, hear, say};

use crate::reduce_op::RanksError;
use crate::suite::{self, Plan, SuiteInfo};
use crate::{Request, SuiteError};

/// The time that the other ranks wait for rank 0's next word. Rank 0 may run suites without them; a rank that dies is noticed at once.
const PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The time that a trainer's collective waits for the other ranks, which are at the same step. Not every backend notices a death earlier.
const STEP: Duration = Duration::from_secs(30 * 60);

/// The time that rank 0 waits for the other ranks to hear that it failed.
const FAREWELL: Duration = Duration::from_secs(5);

/// The ranks of a run, seen from this process; none for a run of one process.
#[derive(Debug)]
pub struct Session {
    ranks: Option<Ranks>,
    forward: RefCell<Vec<Forward>>,
    said: RefCell<Vec<Message>>,
}

/// What a check found of the forward pass, which checks of steps do not see.
#[derive(Clone, Debug)]
pub struct Forward {
    /// The check.
    pub check: String,
    /// The precision.
    pub precision: Precision,
    /// The first tensor that is wrong, if one is.
    pub wrong: Option<String>,
}

/// Ranks, connected by two groups.
#[derive(Clone, Debug)]
pub struct Ranks {
    /// The group for messages between ranks, on the host.
    pub all: ProcessGroup,
    /// The group for the trainers' tensors, on the device of the trainers.
    pub trains: ProcessGroup,
    /// The way in which tensors are exchanged.
    pub tensors: GroupOptions,
}

/// A suite and its plan for the run.
pub type Planned<'a> = (SuiteInfo, Box<dyn Plan + 'a>);

impl Session {
    /// A run of one process.
    pub fn alone() -> Self {
        Self { ranks: None, forward: RefCell::default(), said: RefCell::default() }
    }

    /// Joins the ranks of torchrun's environment. A process that was not started as a rank is alone.
    ///
    /// # Errors
    /// If the environment contradicts itself, another rank does not come, or the backend does not connect the ranks.
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
        Ok(Self { ranks: Some(Ranks { all, trains, tensors }), ..Self::alone() })
    }

    /// The ranks; `None` for a run of one process.
    pub fn ranks(&self) -> Option<&Ranks> {
        self.ranks.as_ref()
    }

    /// Whether a remark is new in this run; from now on it is not.
    pub fn is_news(&self, note: &Message) -> bool {
        let mut said = self.said.borrow_mut();
        let news = !said.contains(note);
        if news {
            said.push(note.clone());
        }
        news
    }

    /// Remembers what a check found of the forward pass.
    pub fn add_forward(&self, forward: Forward) {
        self.forward.borrow_mut().push(forward);
    }

    /// What the checks so far found of the forward pass.
    pub fn forward(&self) -> Vec<Forward> {
        self.forward.borrow().clone()
    }

    /// Whether this process leads: it is rank 0 or alone.
    pub fn leads(&self) -> bool {
        self.ranks.as_ref().is_none_or(|ranks| ranks.all.rank() == 0)
    }

    /// Runs suites one after another. Their events go to `reporter`.
    ///
    /// # Errors
    /// If a suite cannot judge after all, another rank is gone, or `reporter` fails.
    pub fn lead(&self, plans: &[Planned<'_>], reporter: &mut dyn Reporter) -> Result<(), SuiteError> {
        plans.iter().try_for_each(|(info, plan)| self.lead_one(*info, plan.as_ref(), reporter))
    }

    fn lead_one(&self, info: SuiteInfo, plan: &dyn Plan, reporter: &mut dyn Reporter) -> Result<(), SuiteError> {
        let started = Instant::now();
        if let (Some(ranks), true) = (&self.ranks, info.ranks != suite::Part::None && plan.needs_ranks()) {
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

    /// Tells the other ranks, as rank 0, that the run is over with this exit code, and waits until all have heard.
    ///
    /// # Errors
    /// If another rank is gone.
    pub fn end(&self, code: i32) -> Result<(), SuiteError> {
        match &self.ranks {
            Some(ranks) => {
                ranks.say(&Word::End(code))?;
                Ok(ranks.all.barrier()?)
            }
            None => Ok(()),
        }
    }

    /// Tells the other ranks, as rank 0, that the run ends with the exit code of an error. A rank that listens hears it. A rank that waits in
    /// a collective of a suite does not, and sees this rank go instead. Waits five seconds at most.
    pub fn give_up(&self, code: i32) {
        let Some(ranks) = &self.ranks else { return };
        let (ranks, (told, heard)) = (ranks.clone(), mpsc::channel());
        thread::spawn(move || {
            let all_heard = ranks.say(&Word::End(code)).and_then(|()| Ok(ranks.all.barrier()?));
            // After [`FAREWELL`] nobody receives this.
            let _ = told.send(all_heard);
        });
        // The error of this rank came first, whatever becomes of the others.
        let _ = heard.recv_timeout(FAREWELL);
    }

    /// Follows rank 0 to the end of the run, and gives its exit code.
    ///
    /// # Errors
    /// If another rank is gone, or this rank cannot do its part.
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
                Word::Replay { .. } | Word::Train { .. } => return Err(RanksError::Unexpected(word).into()),
            }
        }
    }
}

impl Ranks {
    /// Sends a word to the other ranks, as rank 0.
    ///
    /// # Errors
    /// If a rank is gone.
    pub fn say(&self, word: &Word) -> Result<(), SuiteError> {
        say(&self.all, word)
    }

    /// Whether rank 0 replays all steps of a set in a row.
    ///
    /// # Errors
    /// If rank 0 has ended the run with an error, or is gone.
    pub fn free_run(&self) -> Result<bool, SuiteError> {
        match hear(&self.all)? {
            Word::Replay { free_run } => Ok(free_run),
            word => Err(self.unexpected(word)),
        }
    }

    /// The folder of the training that rank 0 begins.
    ///
    /// # Errors
    /// As [`Ranks::free_run`].
    pub fn training(&self) -> Result<PathBuf, SuiteError> {
        match hear(&self.all)? {
            Word::Train { folder } => Ok(folder),
            word => Err(self.unexpected(word)),
        }
    }

    fn unexpected(&self, word: Word) -> SuiteError {
        match word {
            Word::End(_) => {
                let failure = Failure::gone(vec![0]);
                GroupError { rank: self.all.rank(), collective: Collective::Broadcast, failure }.into()
            }
            word => RanksError::Unexpected(word).into(),
        }
    }
}

/// The way in which ranks exchange tensors for this request. A collective waits for `timeout`.
fn tensors(request: &Request, timeout: Duration) -> Result<GroupOptions, Failure> {
    let options = GroupOptions::over(request.backend()?, timeout);
    let premul_sum: PremulSum = request.premul.unwrap_or(options.premul_sum);
    Ok(GroupOptions { premul_sum, ..options })
}

/// Runs one suite in this process alone.
///
/// # Errors
/// If the suite cannot judge, or `reporter` fails.
pub fn run_alone(suite: &dyn suite::Suite, request: &Request, reporter: &mut dyn Reporter) -> Result<(), SuiteError> {
    let session = Session::alone();
    let plan = suite.plan(request, &session)?;
    session.lead(&[(suite.info(), plan)], reporter)
}
