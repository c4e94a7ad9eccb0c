//! The section `gram`, read and checked as in `SSLMetaArch.__init__`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::training::Decay;
use super::{ConfigError, GramLoss, Negatives, ResizeMethod};
use crate::error::unsupported;
use crate::read::{at, flag, holds, path, section, truth};

/// The patches that the Gram loss compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokensUsed {
    /// All patches.
    All,
    /// The patches that are masked for the student.
    Masked,
    /// The patches that are not masked for the student.
    Unmasked,
}

/// The teacher of the Gram loss. Its patches are the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum GramTeacher {
    /// The EMA teacher (`gram.ema_teacher`).
    Ema,
    /// A separate Gram teacher.
    Own {
        /// `gram.it_load_ema_teacher`: the iteration before which the Gram teacher loads the EMA teacher's weights.
        load_ema_at: Option<usize>,
        /// `gram.rep_update`: the repeated updates of the Gram teacher with the EMA teacher's weights.
        updates: Option<GramUpdates>,
    },
}

/// The iterations at which the Gram teacher takes the EMA teacher's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GramUpdates {
    /// `gram.it_first_update`; a negative one is as good as 0 for a fresh run.
    pub first: i64,
    /// `gram.update_frequency`.
    pub every: usize,
    /// `gram.max_updates`.
    pub at_most: Option<usize>,
}

impl GramUpdates {
    /// The number of updates that the reference counts as done when training starts at iteration `it`, resumed or not.
    /// `do_train` computes the number from the schedule, because nothing saves it. The result keeps the reference's
    /// rounding, which often counts one update too many, and may exceed `max_updates`, as in the reference.
    pub fn before(&self, it: usize) -> usize {
        let (it, every) = (it as i128, self.every as i128);
        let first = i128::from(self.first);
        let count = if it > 0 && it >= first { (it + 1 - first + every - 1) / every } else { 0 };
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// Whether an update follows iteration `it`, after `done` earlier updates.
    pub fn follows(&self, it: usize, done: usize) -> bool {
        it as i128 + 1 >= i128::from(self.first)
            && (it + 1).is_multiple_of(self.every)
            && self.at_most.is_none_or(|most| done < most)
    }
}

/// The section `gram`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GramConfig {
    /// Normalisation and negatives.
    pub loss: GramLoss,
    /// `img_level`.
    pub img_level: bool,
    /// `tokens_used`.
    pub tokens_used: TokensUsed,
    /// `loss_weight`.
    pub weight: f64,
    /// `loss_weight_schedule`, which overrides `loss_weight`.
    pub weight_schedule: Option<Decay>,
    /// `compute_stats`.
    pub compute_stats: bool,
    /// The teacher.
    pub teacher: GramTeacher,
    /// `global_teacher_resize_method`.
    pub resize_method: ResizeMethod,
    /// `global_teacher_resize_antialias`.
    pub resize_antialias: bool,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(deserialize_with = "flag")]
    compute_stats: bool,
    loss_weight: f64,
    #[serde(deserialize_with = "flag")]
    ema_teacher: bool,
    #[serde(deserialize_with = "path")]
    ckpt: Option<String>,
    it_load_ema_teacher: i64,
    #[serde(deserialize_with = "flag")]
    rep_update: bool,
    #[serde(deserialize_with = "flag")]
    normalized: bool,
    img_level: Value,
    #[serde(deserialize_with = "flag")]
    remove_neg: bool,
    #[serde(deserialize_with = "flag")]
    remove_only_teacher_neg: bool,
    tokens_used: TokensUsed,
    global_teacher_resize_method: String,
    #[serde(deserialize_with = "flag")]
    global_teacher_resize_antialias: bool,
}

/// What is read with `gram.rep_update` alone.
#[derive(Deserialize)]
struct RawUpdates {
    update_frequency: usize,
    it_first_update: i64,
    max_updates: Option<i64>,
}

impl GramConfig {
    /// Reads the section; `None` without `gram.use_loss`, and then nothing else of it is read.
    pub(super) fn from_merged(config: &Value) -> Result<Option<Self>, ConfigError> {
        if !holds(config, "gram.use_loss") {
            return Ok(None);
        }
        let raw: Raw = section(config, "gram")?;
        let crops_size = config.pointer("/crops/gram_teacher_crops_size").unwrap_or(&Value::Null);
        let curve = "gram.loss_weight_schedule";
        let weight_schedule = at(config, curve).filter(|curve| truth(curve)).map(|_| section(config, curve));
        Ok(Some(Self {
            loss: GramLoss { normalized: raw.normalized, negatives: raw.negatives()? },
            img_level: raw.img_level_checked()?,
            tokens_used: raw.tokens_used,
            weight: raw.loss_weight,
            weight_schedule: weight_schedule.transpose()?,
            compute_stats: raw.compute_stats,
            teacher: raw.teacher(config, !crops_size.is_null())?,
            resize_method: raw.resize_method()?,
            resize_antialias: raw.global_teacher_resize_antialias,
        }))
    }
}

impl Raw {
    fn negatives(&self) -> Result<Negatives, ConfigError> {
        match (self.remove_neg, self.remove_only_teacher_neg) {
            (false, false) => Ok(Negatives::Keep),
            (true, false) => Ok(Negatives::Remove),
            (false, true) => Ok(Negatives::RemoveTeachers),
            (true, true) => Err(unsupported(
                "gram.remove_neg",
                "the reference asserts that `gram.remove_only_teacher_neg` is not set too",
            )),
        }
    }

    fn img_level_checked(&self) -> Result<bool, ConfigError> {
        // The reference asks whether it is `False` itself.
        if self.img_level != false && self.tokens_used != TokensUsed::All {
            return Err(unsupported(
                "gram.img_level",
                "the reference asserts it false unless `gram.tokens_used` is `all`",
            ));
        }
        Ok(truth(&self.img_level))
    }

    fn teacher(&self, config: &Value, has_crops: bool) -> Result<GramTeacher, ConfigError> {
        if self.ema_teacher {
            return self.ema_teacher_checked(has_crops);
        }
        if !has_crops {
            return Err(unsupported(
                "crops.gram_teacher_crops_size",
                "the reference requires it for a separate Gram teacher",
            ));
        }
        if self.ckpt.as_deref().is_none_or(str::is_empty) {
            // The reference has a branch for `it_load_ema_teacher` only, but raises before it reaches this branch.
            return Err(unsupported("gram.ckpt", "the reference requires it, even if the EMA teacher is loaded later"));
        }
        Ok(GramTeacher::Own {
            load_ema_at: usize::try_from(self.it_load_ema_teacher).ok(),
            updates: self.rep_update.then(|| updates(config)).transpose()?,
        })
    }

    fn ema_teacher_checked(&self, has_crops: bool) -> Result<GramTeacher, ConfigError> {
        let refused = if self.ckpt.is_some() {
            Some(("gram.ckpt", "the reference refuses it beside `gram.ema_teacher`"))
        } else if self.it_load_ema_teacher < 0 {
            Some(("gram.it_load_ema_teacher", "without `gram.ckpt` the reference requires that it is not negative"))
        } else if self.rep_update {
            Some(("gram.rep_update", "the reference asserts it false beside `gram.ema_teacher`"))
        } else if has_crops {
            Some(("crops.gram_teacher_crops_size", "the reference refuses it beside `gram.ema_teacher`"))
        } else {
            None
        };
        match refused {
            Some((key, reason)) => Err(unsupported(key, reason)),
            None => Ok(GramTeacher::Ema),
        }
    }

    fn resize_method(&self) -> Result<ResizeMethod, ConfigError> {
        match self.global_teacher_resize_method.as_str() {
            "bicubic" => Ok(ResizeMethod::Bicubic),
            "bilinear" => Ok(ResizeMethod::Bilinear),
            _ => Err(unsupported(
                "gram.global_teacher_resize_method",
                "the reference passes `align_corners`, and PyTorch accepts it only with `bilinear` and `bicubic`",
            )),
        }
    }
}

fn updates(config: &Value) -> Result<GramUpdates, ConfigError> {
    let raw: RawUpdates = section(config, "gram")?;
    // Fewer than none are none.
    let at_most = raw.max_updates.map(|most| usize::try_from(most).unwrap_or(0));
    Ok(GramUpdates { first: raw.it_first_update, every: raw.update_frequency.max(1), at_most })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are those of the reference's own expression, `dinov3/train/train.py:441-452`, evaluated in Python.
    #[test]
    fn updates_before_a_start_are_counted_as_the_reference_counts_them() {
        let count = |first, every, it| GramUpdates { first, every, at_most: None }.before(it);
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(|it| count(2, 2, it)), [0, 0, 1, 1, 2, 2, 3]);
        // One update has happened, after iteration 19,999.
        assert_eq!([14_999, 15_000, 25_000].map(|it| count(15_000, 10_000, it)), [0, 1, 2]);
        assert_eq!([0, 1, 10_000].map(|it| count(0, 10_000, it)), [0, 1, 2]);
        assert_eq!([0, 1, 10_000].map(|it| count(-1, 10_000, it)), [0, 1, 2]);
        assert_eq!([0, 1, 99].map(|it| count(-100, 10, it)), [0, 11, 20]);
    }
}
