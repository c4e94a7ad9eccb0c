//! Suite `layers`: every tensor of the forward pass, from initial weights to logits, against golden sets.
//!
//! For each set and precision, the set's recipe is replayed through our own trainer (or a set recorded elsewhere is
//! read), each tensor is judged as it appears, and the first divergence in execution order is named.

mod inputs;
pub mod replay;
mod sections;

use dinov3_golden::{GoldenSet, Manifest, SetJudgement, Stage};
use dinov3_reports::message::Remark;
use dinov3_reports::{Bilingual, Section};
use dinov3_vit::hook::Hook;

use crate::judging::Judging;
use crate::judging::pipeline;
use crate::judging::replay::{Replay, without_effect};
use crate::{Part, Ranks, SuiteError, SuiteInfo};

const INFO: SuiteInfo = SuiteInfo {
    name: "layers",
    group: "precision",
    proves: Bilingual {
        en: "every layer's forward output is the reference's: the same bits where the machine can give them, \
             elsewhere no further from the float64 truth than the reference's own rounding",
        zh: "每一层的前向输出都与标杆一致：环境允许时二进制一致，否则相对 float64 真值的误差不超过标杆自身的舍入误差",
    },
    ranks: Part::None,
};

/// The suite.
#[derive(Clone, Copy, Debug)]
pub struct Layers;

impl Judging for Layers {
    fn info(&self) -> SuiteInfo {
        INFO
    }

    fn takes(&self, manifest: &Manifest) -> bool {
        let of_forward = |stage: &Stage| matches!(stage, Stage::Init | Stage::Data | Stage::Forward);
        manifest.recipe.data_battery.is_none() && manifest.recipe.stages.iter().any(of_forward)
    }

    fn remarks(&self, set: &GoldenSet) -> Result<Vec<Remark>, SuiteError> {
        Ok(without_effect(set)?.into_iter().chain(pipeline::remark(set)).collect())
    }

    fn replay(
        &self,
        set: &GoldenSet,
        replay: &Replay,
        _ranks: Option<&Ranks>,
        hook: &mut dyn Hook,
    ) -> Result<(), SuiteError> {
        replay::run(set, replay, hook)
    }

    fn sections(&self, judgements: &[SetJudgement]) -> Vec<Section> {
        sections::sections(judgements)
    }
}
