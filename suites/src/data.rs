//! Suite `data`: random streams, augmentation, masks, samplers and tables, against what the reference drew and wrote.
//!
//! Only values that the reference itself computes in floating point are rounded, and nothing runs on an accelerator, so every machine has to
//! give the same integers.

mod loaders;
mod parameters;
mod pixels;
mod samplers;
mod streams;
mod tables;

use dinov3_data::random::Streams;
use dinov3_golden::{Expectation, Fingerprint, GoldenSet, Manifest, SetJudgement};
use dinov3_reports::message::Remark;
use dinov3_reports::{Bilingual, Section};
use dinov3_vit::hook::Hook;

use crate::judging::Judging;
use crate::judging::replay::Replay;
use crate::judging::sections;
use crate::{Part, Ranks, SuiteError, SuiteInfo};

const INFO: SuiteInfo = SuiteInfo {
    name: "data",
    group: "precision",
    proves: Bilingual {
        en: "random streams, crops, masks, orders of samples and tables are the reference's to the last bit, on every machine",
        zh: "随机数流、裁剪图、掩码、样本顺序与数据表在任何机器上都与标杆二进制一致",
    },
    ranks: Part::None,
};

/// The suite.
#[derive(Clone, Copy, Debug)]
pub struct Data;

impl Judging for Data {
    fn info(&self) -> SuiteInfo {
        INFO
    }

    fn takes(&self, manifest: &Manifest) -> bool {
        manifest.recipe.data_battery.is_some()
    }

    fn remarks(&self, _set: &GoldenSet) -> Result<Vec<Remark>, SuiteError> {
        Ok(Vec::new())
    }

    /// libtorch computes nothing here, so the bits of the recording are expected everywhere.
    fn expectation(&self, _recorded: &Fingerprint, _here: &Fingerprint) -> Expectation {
        Expectation::Identical
    }

    fn replay(
        &self,
        set: &GoldenSet,
        replay: &Replay,
        _ranks: Option<&Ranks>,
        hook: &mut dyn Hook,
    ) -> Result<(), SuiteError> {
        streams::show(set, hook)?;
        parameters::show(set, hook)?;
        samplers::show(set, hook)?;
        pixels::show(set, hook)?;
        tables::show(set, hook)?;
        loaders::show(set, &replay.notes, hook)
    }

    fn sections(&self, judgements: &[SetJudgement]) -> Vec<Section> {
        sections::stages(judgements).collect()
    }
}

/// Streams that are seeded with the recipe's seed plus `more`.
fn seeded(set: &GoldenSet, more: u32) -> Result<Streams, SuiteError> {
    let seed = set.manifest().recipe.seed;
    let small = u32::try_from(seed).ok().and_then(|seed| seed.checked_add(more));
    let large = || SuiteError::input(set, "recipe.seed", format!("{seed} is more than NumPy can be seeded with"));
    small.map(Streams::fix_random_seeds).ok_or_else(large)
}
