//! A run on several ranks, which torchrun or `--nproc` has started: rank 0 runs the suites and reports, the others do what it says.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use dinov3_ranks::{Env, Group, GroupError, GroupOptions, ProcessGroup, launch};
use dinov3_suites::catalogue::{CATALOGUE, SuiteInfo};
use dinov3_suites::training::{self, Training};
use dinov3_suites::{SuiteError, reduce_op};
use tch::Tensor;

use super::request::Request;

/// For how long a rank waits for the others to start.
const RENDEZVOUS: Duration = Duration::from_secs(120);

/// For how long the others wait for rank 0's next word: it may have suites of its own to run. A rank that dies is noticed at once.
const PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);

/// For how long a trainer's collective waits for the others, which are at the same step: not every backend notices a death before.
const STEP: Duration = Duration::from_secs(30 * 60);

/// The word that a suite begins, whose place in the catalogue follows; and that the run is over, with an exit code.
const SUITE: i64 = 0;
const END: i64 = 1;

/// All ranks, seen from this one.
pub struct Ranks {
    /// What rank 0 has to say goes over it.
    all: ProcessGroup,
    /// How they exchange tensors.
    tensors: GroupOptions,
    /// The ranks, connected so.
    trains: ProcessGroup,
}

impl Ranks {
    /// The ranks of torchrun's environment; none where this process was not started as a rank.
    ///
    /// # Errors
    /// When the environment contradicts itself, or another rank does not come.
    pub fn of_this_process(request: &Request) -> Result<Option<Self>> {
        if !launch::is_a_rank() {
            return Ok(None);
        }
        let env = match Env::from_torchrun() {
            Ok(env) => env,
            Err(error) => bail!("{error}\nhint: {}", error.hint()),
        };
        let all = ProcessGroup::join(&env, request.join_options(RENDEZVOUS, PATIENCE)).map_err(hinted)?;
        let backend = request.backend()?;
        let tensors = GroupOptions::over(backend, STEP);
        let tensors = GroupOptions { premul_sum: request.premul.unwrap_or(tensors.premul_sum), ..tensors };
        let trains = all.new_group_with(all.members(), tensors).map_err(hinted)?;
        let trains = trains.context("this rank is none of its own run")?;
        Ok(Some(Self { all, tensors, trains }))
    }

    /// Whether this one is rank 0.
    pub fn is_first(&self) -> bool {
        self.all.rank() == 0
    }

    /// All of them, for the suite `training`.
    pub fn to_train(&self) -> training::Ranks {
        training::Ranks { all: self.all.clone(), trains: self.trains.clone() }
    }

    /// All of them, for the suite `reduce-op`.
    pub fn to_reduce(&self, asked: &reduce_op::Request) -> reduce_op::Ranks<'_> {
        let tested = GroupOptions { timeout: reduce_op::patience(asked.profile), ..self.tensors };
        reduce_op::Ranks { all: &self.all, tested }
    }

    /// Rank 0 says that a suite begins.
    pub fn begin(&self, suite: &SuiteInfo) -> Result<()> {
        match CATALOGUE.iter().position(|it| it == suite) {
            Some(place) => self.say([SUITE, place as i64]),
            None => bail!("the suite `{}` is in no catalogue", suite.name),
        }
    }

    /// Rank 0 says that the run is over, and waits until all have heard.
    pub fn end(&self, code: i32) -> Result<()> {
        self.say([END, i64::from(code)])?;
        Ok(self.all.barrier().map_err(hinted)?)
    }

    fn say(&self, word: [i64; 2]) -> Result<()> {
        Ok(self.all.broadcast(&mut Tensor::from_slice(&word), 0).map_err(hinted)?)
    }

    /// This rank's part in the suite `training`: none, where rank 0 finds nothing to judge.
    fn train(&self, request: &Request) -> Result<(), SuiteError> {
        match (Training { ranks: Some(self.to_train()) }).take_part(&request.judging()) {
            Err(SuiteError::NothingFor { .. }) => Ok(()),
            taken => taken,
        }
    }

    /// Does what rank 0 says; gives its exit code.
    pub fn follow(&self, request: &Request) -> Result<i32> {
        loop {
            let mut word = Tensor::from_slice(&[END, 0]);
            self.all.broadcast(&mut word, 0).map_err(hinted)?;
            match (word.int64_value(&[0]), word.int64_value(&[1])) {
                (END, code) => {
                    self.all.barrier().map_err(hinted)?;
                    return Ok(i32::try_from(code)?);
                }
                (_, place) => match CATALOGUE.get(usize::try_from(place)?).map(|suite| suite.name) {
                    Some("reduce-op") => {
                        let asked = request.of_collectives()?;
                        reduce_op::take_part(&asked, self.to_reduce(&asked))?;
                    }
                    Some("training") => self.train(request)?,
                    name => bail!("rank 0 runs {name:?}, in which the other ranks have no part"),
                },
            }
        }
    }
}

/// With its hint, and still known for a group's.
fn hinted(error: GroupError) -> SuiteError {
    error.into()
}
