//! Suite `training`: whole training steps, from the batch to the moving average, against golden sets.
//!
//! A step is taken from the reference's own start: its seed, or its recorded weights, moments and random stream. Every loss,
//! gradient, moment and parameter of it is judged, and every schedule over all of training. Where the same bits can be expected,
//! the steps after it are taken too, and what they log and leave behind must be the reference's.

mod battery;
mod inputs;
mod meters;
pub mod replay;
mod sections;
mod steps;

use dinov3_golden::{GoldenSet, Manifest, SetJudgement, Stage, TensorFile};
use dinov3_ranks::{Collective, Failure, Group, GroupError, ProcessGroup};
use dinov3_reports::Section;
use dinov3_vit::tap::Tap;
use tch::Tensor;

use crate::catalogue::TRAINING;
use crate::judging::replay::{Replay, without_effect};
use crate::judging::{self, Judging, Request, pipeline};
use crate::{SuiteError, SuiteInfo};

/// The suite.
#[derive(Clone, Debug, Default)]
pub struct Training {
    /// The ranks that replay together what as many recorded; this process is one of them. The ranks of other sets are threads, as those of
    /// all are where there is none.
    pub ranks: Option<Ranks>,
}

/// Ranks, connected twice.
#[derive(Clone, Debug)]
pub struct Ranks {
    /// For what they have to tell each other, on the host. Rank 0's words come over it.
    pub all: ProcessGroup,
    /// For what their trainers exchange, on the device that these compute on.
    pub trains: ProcessGroup,
}

impl Training {
    /// The ranks, if `set` was recorded by as many, and by more than one.
    fn ranks_of(&self, set: &GoldenSet) -> Option<&Ranks> {
        let size = set.manifest().recipe.world_size as usize;
        self.ranks.as_ref().filter(|ranks| ranks.all.size() > 1 && ranks.all.size() == size)
    }

    /// What ranks other than 0 do while that one runs the suite for the same request: their part in what as many ranks recorded.
    ///
    /// # Errors
    /// When a set cannot be read or replayed, and when another rank is gone.
    pub fn take_part(&self, request: &Request) -> Result<(), SuiteError> {
        judging::follow(self, request, &mut |set, replay| match self.ranks_of(set) {
            Some(ranks) => {
                let free_run = agreed(&ranks.all, false)?;
                self::replay::run(set, &Replay { free_run, ..*replay }, Some(ranks), &mut |_: &str, _: &Tensor| {})
            }
            None => Ok(()),
        })
    }
}

/// As long as a word of rank 0 between suites, and none of those.
const FREE_RUN: i64 = 2;

/// Whether rank 0 has decided for all steps in a row.
fn agreed(group: &ProcessGroup, mine: bool) -> Result<bool, SuiteError> {
    let mut word = Tensor::from_slice(&[FREE_RUN, i64::from(mine)]);
    group.broadcast(&mut word, 0)?;
    if word.int64_value(&[0]) != FREE_RUN {
        // It has ended the run, with an error of its own.
        let failure = Failure::Gone { ranks: vec![0] };
        return Err(GroupError { rank: group.rank(), collective: Collective::Broadcast, failure }.into());
    }
    Ok(word.int64_value(&[1]) == 1)
}

impl Judging for Training {
    fn info(&self) -> SuiteInfo {
        TRAINING
    }

    fn takes(&self, manifest: &Manifest) -> bool {
        let of_a_step = |stage: &Stage| !matches!(stage, Stage::Init | Stage::Data | Stage::Forward);
        manifest.recipe.stages.iter().any(of_a_step)
    }

    fn remarks(&self, set: &GoldenSet) -> Result<Vec<String>, SuiteError> {
        match set.manifest().recipe.training {
            Some(_) => Ok(without_effect(set)?.into_iter().chain(pipeline::remark(set)).collect()),
            None => Ok(Vec::new()),
        }
    }

    /// Nothing else judges what a step starts from, so it must be the golden set's.
    fn check_candidate(&self, golden: &GoldenSet, candidate: &GoldenSet) -> Result<(), SuiteError> {
        let files = [
            ("inputs.safetensors", golden.inputs()?, candidate.inputs()?),
            ("state.safetensors", golden.state()?, candidate.state()?),
        ];
        for (file, ours, theirs) in files {
            if let Some(tensor) = ours.and_then(|ours| first_difference(ours, theirs)) {
                return Err(SuiteError::OtherStart { set: candidate.manifest().name.clone(), file, tensor });
            }
        }
        Ok(())
    }

    fn replay(&self, set: &GoldenSet, replay: &Replay, tap: &mut dyn Tap) -> Result<(), SuiteError> {
        let ranks = self.ranks_of(set);
        if let Some(Ranks { all, .. }) = ranks {
            agreed(all, replay.free_run)?;
        }
        replay::run(set, replay, ranks, tap)
    }

    fn sections(&self, judgements: &[SetJudgement]) -> Vec<Section> {
        sections::sections(judgements)
    }
}

/// The first tensor of a golden set's file that the candidate's has not, or has otherwise.
fn first_difference(ours: &TensorFile, theirs: Option<&TensorFile>) -> Option<String> {
    let differs = |name: &&str| ours.get(name) != theirs.and_then(|theirs| theirs.get(name));
    ours.names().find(differs).map(str::to_owned)
}
