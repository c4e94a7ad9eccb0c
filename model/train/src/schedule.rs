//! The five curves over the iterations (`dinov3/train/cosine_lr_scheduler.py`, `build_schedulers` of `dinov3/train/train.py`),
//! in float64 as NumPy computes them.

mod curve;

pub use curve::{CosineSchedule, Curve, linear_warmup_cosine_decay};

use thiserror::Error;

use dinov3_config::{Scaling, Schedules as Config, V1, V2};

/// The most iterations of a curve: a gigabyte. `dinov3_config` refuses longer ones by their key.
const MOST: usize = 1 << 27;

/// A curve that cannot be drawn.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "the {curve} schedule has {warmup} iterations of warm-up and {cosine} of cosine in {total} in all, of at most {MOST}"
)]
pub struct ScheduleError {
    /// The name of the curve.
    pub curve: &'static str,
    /// Iterations of its warm-up.
    pub warmup: usize,
    /// Iterations of its cosine.
    pub cosine: usize,
    /// Iterations of training.
    pub total: usize,
}

/// The values of the curves at an iteration, for the optimizer, the teacher and the losses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Learning rate of all parameters except those of the last layers.
    pub lr: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// Momentum of the teacher's moving average.
    pub momentum: f64,
    /// Temperature of the teacher.
    pub teacher_temp: f64,
    /// Learning rate of the heads' last layers.
    pub last_layer_lr: f64,
}

/// The five curves.
#[derive(Clone, Debug)]
pub struct Schedules {
    /// Learning rate.
    pub lr: Curve,
    /// Weight decay.
    pub weight_decay: Curve,
    /// Momentum of the teacher's moving average.
    pub momentum: Curve,
    /// Temperature of the teacher.
    pub teacher_temp: Curve,
    /// Learning rate of the heads' last layers: zero at first.
    pub last_layer_lr: Curve,
}

impl Schedules {
    /// Draws the curves of a config, of either version, with its scaling rule applied for `global_batch` images a step.
    ///
    /// # Errors
    /// If a warm-up is longer than training.
    pub fn new(config: &Config, scaling: Scaling, global_batch: f64) -> Result<Self, ScheduleError> {
        match config {
            Config::V1(config) => Self::v1(config, scaling, global_batch),
            Config::V2(config) => Self::v2(config, scaling, global_batch),
        }
    }

    fn v1(config: &V1, scaling: Scaling, global_batch: f64) -> Result<Self, ScheduleError> {
        let V1 { epochs, epoch_length, trunc_extra, .. } = *config;
        // Beyond what memory holds, a curve is refused when it is drawn.
        let length = |epochs: usize| epochs.saturating_mul(epoch_length);
        let total = length(epochs);
        let lr = CosineSchedule {
            base: scaling.apply(config.lr, global_batch),
            last: config.min_lr,
            total,
            warmup: length(config.warmup_epochs),
            trunc_extra,
            ..CosineSchedule::default()
        };
        let without_warmup =
            |base, last| CosineSchedule { base, last, total, trunc_extra, ..CosineSchedule::default() };
        let temperature = length(config.warmup_teacher_temp_epochs);
        let teacher_temp = CosineSchedule {
            base: config.teacher_temp,
            last: config.teacher_temp,
            total: temperature,
            warmup: temperature,
            start: config.warmup_teacher_temp,
            ..CosineSchedule::default()
        };
        let lr = lr.draw("learning rate")?;
        Ok(Self {
            last_layer_lr: lr.frozen(length(config.freeze_last_layer_epochs)),
            lr,
            weight_decay: without_warmup(config.weight_decay, config.weight_decay_end).draw("weight decay")?,
            momentum: without_warmup(config.momentum_teacher, config.final_momentum_teacher).draw("momentum")?,
            teacher_temp: teacher_temp.draw("teacher temperature")?,
        })
    }

    fn v2(config: &V2, scaling: Scaling, global_batch: f64) -> Result<Self, ScheduleError> {
        let (length, total) = (config.epoch_length, config.epochs.saturating_mul(config.epoch_length));
        let mut lr = config.lr;
        lr.peak = scaling.apply(lr.peak, global_batch);
        lr.end = scaling.apply(lr.end, global_batch);
        let lr = linear_warmup_cosine_decay("learning rate", &lr, length, total)?;
        let draw = |name, part| linear_warmup_cosine_decay(name, part, length, total);
        Ok(Self {
            last_layer_lr: lr.frozen(length.saturating_mul(config.freeze_last_layer_epochs)),
            lr,
            weight_decay: draw("weight decay", &config.weight_decay)?,
            momentum: draw("momentum", &config.momentum)?,
            teacher_temp: draw("teacher temperature", &config.teacher_temp)?,
        })
    }

    /// The values at `iteration`.
    pub fn at(&self, iteration: usize) -> Settings {
        Settings {
            lr: self.lr.at(iteration),
            weight_decay: self.weight_decay.at(iteration),
            momentum: self.momentum.at(iteration),
            teacher_temp: self.teacher_temp.at(iteration),
            last_layer_lr: self.last_layer_lr.at(iteration),
        }
    }

    /// The curves, with their names in golden sets.
    pub fn named(&self) -> [(&'static str, &Curve); 5] {
        [
            ("lr", &self.lr),
            ("weight_decay", &self.weight_decay),
            ("momentum", &self.momentum),
            ("teacher_temp", &self.teacher_temp),
            ("last_layer_lr", &self.last_layer_lr),
        ]
    }
}
