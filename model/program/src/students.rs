//! Several students, each with some of the ranks: `setup_multidistillation` of `dinov3/configs/config.py`.

use std::ops::Range;
use std::path::Path;

use dinov3_config::merge::{self, Student};

use crate::banner::at;
use crate::{ProgramError, Source};

/// What all students have in common: they load each other's batches, learn from one teacher, and wait for each other.
const COMMON: [&str; 14] = [
    "optim.epochs",
    "train.OFFICIAL_EPOCH_LENGTH",
    "checkpointing.period",
    "evaluation.eval_period_iterations",
    "train.dataset_path",
    "train.seed",
    "crops.global_crops_size",
    "crops.local_crops_size",
    "crops.local_crops_number",
    "student.patch_size",
    "compute_precision.param_dtype",
    "multidistillation.global_batch_size",
    "distillation.full_cfg_path",
    "distillation.checkpoint_path",
];

/// The students of a run.
pub(crate) struct Students {
    /// The name of this rank's.
    pub(crate) name: String,
    /// The ranks of each.
    pub(crate) ranks: Vec<Range<usize>>,
    /// How many train with this rank.
    pub(crate) beside: usize,
}

impl Students {
    /// The students of `source`, if it has several.
    ///
    /// # Errors
    /// When ranks and students do not fit each other, or students differ in what they share.
    pub(crate) fn of(source: &Source, overrides: &[String]) -> Result<Option<Self>, ProgramError> {
        let Source::Students { base, rank, world } = source else { return Ok(None) };
        let all = merge::students(Path::new(base), overrides, *world)?;
        agree(&all)?;
        let own = all.iter().find(|student| student.ranks.contains(rank));
        let own = own.expect("every rank has a student: the config was looked through for one that has none");
        let (name, beside) = (own.name.clone(), own.ranks.len());
        Ok(Some(Self { name, beside, ranks: all.iter().map(|student| student.ranks.clone()).collect() }))
    }
}

fn agree(all: &[Student]) -> Result<(), ProgramError> {
    let Some((first, others)) = all.split_first() else { return Ok(()) };
    if let Some((_, other)) =
        all.iter().enumerate().find(|(i, it)| all[..*i].iter().any(|before| before.name == it.name))
    {
        let what = format!("two students are called `{}`", other.name);
        return Err(ProgramError::refused(what, "the name is that of the folder of each: give each its own"));
    }
    for key in COMMON {
        let value = |student: &Student| at(&student.merged.config, key).clone();
        if let Some(other) = others.iter().find(|other| value(other) != value(first)) {
            let (ours, theirs) = (value(first), value(other));
            let what = format!("`{key}` is {ours} for `{}` and {theirs} for `{}`", first.name, other.name);
            let hint = "students share batches and teacher, and wait for each other: give it in the base config";
            return Err(ProgramError::refused(what, hint));
        }
    }
    Ok(())
}
