//! `gram.*`, as `SSLMetaArch.__init__` reads and checks it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::training::Decay;
use super::{ConfigError, GramLoss, Negatives, ResizeMethod, unsupported};

/// Which patches the Gram loss compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokensUsed {
    /// All.
    All,
    /// Those that are masked for the student.
    Masked,
    /// Those that are not.
    Unmasked,
}

/// Whose patches are the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum GramTeacher {
    /// The EMA teacher's (`gram.ema_teacher`).
    Ema,
    /// Those of a teacher of its own.
    Own {
        /// `gram.it_load_ema_teacher`: the iteration before which the EMA teacher's weights are loaded into it.
        load_ema_at: Option<usize>,
        /// `gram.rep_update`: it takes the EMA teacher's weights again and again.
        updates: Option<GramUpdates>,
    },
}

/// When the Gram teacher takes the EMA teacher's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GramUpdates {
    /// `gram.it_first_update`.
    pub first: usize,
    /// `gram.update_frequency`.
    pub every: usize,
    /// `gram.max_updates`.
    pub at_most: Option<usize>,
}

impl GramUpdates {
    /// How many updates the reference counts as done when training starts at iteration `it`, resumed or not: `do_train` computes the
    /// number from the schedule, since nothing saves it. The reference's rounding is kept, which often counts one update too many, and so
    /// is what it leaves out: the number may be above `max_updates`.
    pub fn before(&self, it: usize) -> usize {
        if it > 0 && it >= self.first { (it + 1 - self.first).div_ceil(self.every) } else { 0 }
    }

    /// Whether an update follows iteration `it`, after `done` of them.
    pub fn follows(&self, it: usize, done: usize) -> bool {
        it + 1 >= self.first && (it + 1).is_multiple_of(self.every) && self.at_most.is_none_or(|most| done < most)
    }
}

/// `gram.*`.
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
    /// `loss_weight_schedule`, which overrides it.
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
    use_loss: bool,
    compute_stats: bool,
    loss_weight: f64,
    ema_teacher: bool,
    ckpt: Option<String>,
    it_load_ema_teacher: i64,
    rep_update: bool,
    update_frequency: usize,
    it_first_update: usize,
    max_updates: Option<usize>,
    normalized: bool,
    img_level: bool,
    remove_neg: bool,
    remove_only_teacher_neg: bool,
    tokens_used: TokensUsed,
    global_teacher_resize_method: String,
    global_teacher_resize_antialias: bool,
    loss_weight_schedule: Option<Decay>,
}

impl GramConfig {
    /// `None` without `gram.use_loss`.
    pub(super) fn from_merged(config: &Value) -> Result<Option<Self>, ConfigError> {
        let raw = Raw::deserialize(config.get("gram").unwrap_or(&Value::Null))?;
        if !raw.use_loss {
            return Ok(None);
        }
        let crops_size = config.pointer("/crops/gram_teacher_crops_size").unwrap_or(&Value::Null);
        Ok(Some(Self {
            loss: GramLoss { normalized: raw.normalized, negatives: raw.negatives()? },
            img_level: raw.img_level_checked()?,
            tokens_used: raw.tokens_used,
            weight: raw.loss_weight,
            weight_schedule: raw.loss_weight_schedule,
            compute_stats: raw.compute_stats,
            teacher: raw.teacher(!crops_size.is_null())?,
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
        if self.img_level && self.tokens_used != TokensUsed::All {
            return Err(unsupported(
                "gram.img_level",
                "the reference asserts it false unless `gram.tokens_used` is `all`",
            ));
        }
        Ok(self.img_level)
    }

    fn teacher(&self, has_crops: bool) -> Result<GramTeacher, ConfigError> {
        if self.ema_teacher {
            return self.ema_teacher_checked(has_crops);
        }
        if !has_crops {
            return Err(unsupported(
                "crops.gram_teacher_crops_size",
                "the reference demands it for a Gram teacher of its own",
            ));
        }
        if self.ckpt.is_none() {
            // The reference has a branch for `it_load_ema_teacher` alone, and raises before it is reached.
            return Err(unsupported("gram.ckpt", "the reference demands it, even if the EMA teacher is loaded later"));
        }
        if self.update_frequency == 0 {
            return Err(unsupported("gram.update_frequency", "it is divided by"));
        }
        let updates =
            GramUpdates { first: self.it_first_update, every: self.update_frequency, at_most: self.max_updates };
        Ok(GramTeacher::Own {
            load_ema_at: usize::try_from(self.it_load_ema_teacher).ok(),
            updates: self.rep_update.then_some(updates),
        })
    }

    fn ema_teacher_checked(&self, has_crops: bool) -> Result<GramTeacher, ConfigError> {
        let refused = if self.ckpt.is_some() {
            Some(("gram.ckpt", "the reference refuses it beside `gram.ema_teacher`"))
        } else if self.it_load_ema_teacher < 0 {
            Some(("gram.it_load_ema_teacher", "without `gram.ckpt` the reference demands that it is not negative"))
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
                "with `align_corners`, which the reference passes, PyTorch takes `bilinear` and `bicubic` alone",
            )),
        }
    }
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
    }
}
