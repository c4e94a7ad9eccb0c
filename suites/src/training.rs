//! Suite `training`: whole training steps, from the batch to the moving average, against golden sets.
//!
//! A step is taken from the reference's own start: its seed, or its recorded weights, moments and random stream. Every loss,
//! gradient, moment and parameter of it is judged, and every schedule over all of training. Where the same bits can be expected,
//! the steps after it are taken too, and what they log and leave behind must be the reference's.

mod battery;
mod inputs;
mod meters;
pub mod replay;
mod seats;
mod sections;
mod steps;

use dinov3_golden::{GoldenSet, Manifest, SetJudgement, Stage, TensorFile};
use dinov3_ranks::Group;
use dinov3_reports::message::Remark;
use dinov3_reports::{Bilingual, Section};
use dinov3_vit::hook::Hook;
use tch::Tensor;

use crate::judging::replay::{Replay, without_effect};
use crate::judging::{Judging, pipeline};
use crate::session::Word;
use crate::{Part, Ranks, SuiteError, SuiteInfo};

const INFO: SuiteInfo = SuiteInfo {
    name: "training",
    group: "precision",
    proves: Bilingual {
        en: "every loss, gradient, optimizer state and teacher of a training step, and every schedule, is the reference's: the \
             same bits over many steps where the machine can give them, elsewhere within rounding over one step from its state",
        zh: "训练步的各项损失、梯度、优化器状态、教师网络参数以及各条超参调度曲线都与标杆一致：环境允许时连续多步二进制一致，否则从标杆状态出发的单步误差在舍入误差范围内",
    },
    ranks: Part::WhereRecorded,
};

/// The suite. The ranks of a set are threads, unless the run has as many ranks as recorded it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Training;

/// The ranks of the run, if `set` was recorded by as many, and by more than one.
fn ranks_of<'a>(set: &GoldenSet, ranks: Option<&'a Ranks>) -> Option<&'a Ranks> {
    let size = set.manifest().recipe.world_size as usize;
    ranks.filter(|ranks| ranks.all.size() > 1 && ranks.all.size() == size)
}

impl Judging for Training {
    fn info(&self) -> SuiteInfo {
        INFO
    }

    fn takes(&self, manifest: &Manifest) -> bool {
        let of_a_step = |stage: &Stage| !matches!(stage, Stage::Init | Stage::Data | Stage::Forward);
        manifest.recipe.stages.iter().any(of_a_step)
    }

    fn remarks(&self, set: &GoldenSet) -> Result<Vec<Remark>, SuiteError> {
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

    fn replay(
        &self,
        set: &GoldenSet,
        replay: &Replay,
        ranks: Option<&Ranks>,
        hook: &mut dyn Hook,
    ) -> Result<(), SuiteError> {
        let ranks = ranks_of(set, ranks);
        if let Some(ranks) = ranks {
            ranks.say(&Word::Replay { free_run: replay.free_run })?;
        }
        replay::run(set, replay, ranks, hook)
    }

    fn follow(&self, set: &GoldenSet, replay: &Replay, ranks: &Ranks) -> Result<(), SuiteError> {
        match ranks_of(set, Some(ranks)) {
            Some(ranks) => {
                let replay = Replay { free_run: ranks.free_run()?, ..replay.clone() };
                replay::run(set, &replay, Some(ranks), &mut |_: &str, _: &Tensor| {})
            }
            None => Ok(()),
        }
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
