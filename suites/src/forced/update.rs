//! The optimizer and the average, element by element: moments from the gradient, its norm and the moments before; the
//! parameter from the moments and the parameter before; the average from the average before and the student.
//!
//! What was before the step comes from the golden set: its recorded state, or its seed. All of it is computed on the stored
//! elements alone.

use std::collections::HashMap;

use dinov3_config::SslConfig;
use dinov3_golden::local::{Probe, own_error};
use dinov3_golden::tolerance::Operation;
use dinov3_golden::{GoldenSet, Kind, Stage};
use dinov3_train::optim::{Multipliers, adamw, clip};
use dinov3_train::schedule::{Schedules, Settings};
use dinov3_train::{TrainError, of_teacher, submodule_of};
use tch::Tensor;

use super::pass::{every, values};
use super::recording::Recording;
use super::{Mistake, Own};
use crate::SuiteError;
use crate::training::replay;

/// A direction in which the step of one tensor may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The gradient, times its factor in a moment: -1 is a moment without it, 0.05 a gradient that is 5 % too large.
    Gradient,
    /// The optimizer's step: 0.05 is a learning rate that is 5 % too high.
    Step,
    /// The decay of a parameter: -1 is none, and 1 is one for a parameter that has none, or twice as much.
    Decay,
    /// The student, times its factor in the average: -1 is an average that did not receive it.
    Student,
}

/// The own errors of all moments, parameters and averages that were recorded with what they are computed from.
pub(super) fn run(before: &Before, recording: &Recording<'_>) -> Result<Vec<Own>, SuiteError> {
    let mut own = Vec::new();
    for (i, name) in before.names.iter().enumerate() {
        let mut at = Place { recording, before, i, name, own: &mut own };
        at.moments()?;
        at.parameter()?;
        at.average()?;
    }
    Ok(own)
}

/// What holds before the step.
pub(super) struct Before {
    config: SslConfig,
    settings: Settings,
    names: Vec<String>,
    student: Vec<Tensor>,
    /// By the name of the average's parameter.
    teacher: HashMap<String, Tensor>,
    exp_avg: Vec<Tensor>,
    exp_avg_sq: Vec<Tensor>,
    multipliers: Vec<Multipliers>,
    /// Steps before.
    steps: u64,
}

impl Before {
    /// Draws or loads what a set's steps start from; `None` for a set without steps.
    pub(super) fn of(golden: &GoldenSet) -> Result<Option<Self>, SuiteError> {
        let Some(training) = &golden.manifest().recipe.training else { return Ok(None) };
        let (config, trainer) = replay::before(golden, training)?;
        let failed = |source: TrainError| SuiteError::Train { set: golden.manifest().name.clone(), source };
        let options = &config.training;
        let images = options.batch_size_per_gpu as f64 * f64::from(golden.manifest().recipe.world_size);
        let schedules = Schedules::new(&options.schedules, options.optim.scaling, images);
        let settings = schedules.map_err(|source| failed(source.into()))?.at(training.iteration);
        let (names, student) = trainer.student().map_err(failed)?.into_iter().unzip();
        let teacher = trainer.teacher().map_err(failed)?.into_iter().collect();
        let slots = trainer.optimizer().slots();
        let of = |moment: fn(&adamw::Slot) -> &Tensor| slots.iter().map(|it| moment(it).shallow_clone()).collect();
        Ok(Some(Self {
            exp_avg: of(|it| &it.exp_avg),
            exp_avg_sq: of(|it| &it.exp_avg_sq),
            multipliers: slots.iter().map(|it| it.multipliers).collect(),
            steps: training.updates,
            config,
            settings,
            names,
            student,
            teacher,
        }))
    }

    /// Learning rate and weight decay of parameter `i`.
    fn rates(&self, i: usize) -> (f64, f64) {
        let (settings, multipliers) = (&self.settings, self.multipliers[i]);
        let lr = if multipliers.is_last_layer { settings.last_layer_lr } else { settings.lr };
        (lr * multipliers.lr, settings.weight_decay * multipliers.weight_decay)
    }
}

/// 1 - beta as kernels have it: of a float64, and of a float32, as CUDA's fused AdamW has it, which is 1.3e-5 less at a beta of 0.999.
fn complements(beta: f64) -> [f64; 2] {
    [1.0 - beta, f64::from(1.0_f32 - beta as f32)]
}

/// 1 - beta^count as kernels have it: in float64, and in float32, as CUDA's fused AdamW has it.
fn corrections(beta: f64, count: f64) -> [f64; 2] {
    [1.0 - beta.powf(count), f64::from(1.0_f32 - (beta as f32).powf(count as f32))]
}

/// Of several right values the one that is nearest to `recorded`.
fn nearest<const N: usize>(truths: [Vec<f64>; N], recorded: &[f64]) -> Vec<f64> {
    let distance = |truth: &Vec<f64>| truth.iter().zip(recorded).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    truths.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or_default()
}

/// One parameter of the student.
struct Place<'a, 'r> {
    recording: &'a Recording<'r>,
    before: &'a Before,
    i: usize,
    name: &'a str,
    own: &'a mut Vec<Own>,
}

/// The stored elements of an entry, and which they are.
struct Elements {
    values: Vec<f64>,
    stride: usize,
}

impl Place<'_, '_> {
    fn recorded(&self, kind: Kind, name: &str) -> Result<Option<Elements>, SuiteError> {
        let stored = self.recording.stored(&kind.of(name).to_string())?;
        Ok(stored.map(|it| Elements { values: it.values(), stride: it.stride }))
    }

    /// `exp_avg` and `exp_avg_sq` from the clipped gradient.
    fn moments(&mut self) -> Result<(), SuiteError> {
        let before = self.before;
        let (Some(gradient), Some(factor)) = (self.recorded(Kind::Grad, self.name)?, self.clipping()?) else {
            return Ok(());
        };
        let (beta1, beta2) = before.config.training.optim.betas;
        let first = |rest: f64, m: f64, g: f64| m + (g - m) * rest;
        let weighed = |g: f64| (1.0 - beta1) * g;
        let (before1, before2) = (&before.exp_avg[self.i], &before.exp_avg_sq[self.i]);
        self.moment((Kind::ExpAvg, beta1), before1, &gradient, factor, first, weighed)?;
        let second = |rest: f64, v: f64, g: f64| beta2 * v + rest * g * g;
        let weighed = |g: f64| 2.0 * (1.0 - beta2) * g * g;
        self.moment((Kind::ExpAvgSq, beta2), before2, &gradient, factor, second, weighed)
    }

    fn moment(
        &mut self,
        (kind, beta): (Kind, f64),
        before: &Tensor,
        gradient: &Elements,
        factor: f64,
        update: impl Fn(f64, f64, f64) -> f64,
        direction: impl Fn(f64) -> f64,
    ) -> Result<(), SuiteError> {
        let Some(stored) = self.recording.stored(&kind.of(self.name).to_string())? else { return Ok(()) };
        // A gradient may be stored in full where its moment is not.
        if stored.stride % gradient.stride != 0 {
            return Ok(());
        }
        let gradients = gradient.values.iter().step_by(stored.stride / gradient.stride).map(|g| g * factor);
        let gradients: Vec<f64> = gradients.collect();
        let before = every(values(before), stored.stride);
        let truth = complements(beta).map(|rest| {
            before.iter().zip(&gradients).map(|(before, g)| update(rest, *before, *g)).collect::<Vec<f64>>()
        });
        let truth = nearest(truth, &stored.values());
        let direction = gradients.iter().map(|g| direction(*g)).collect();
        self.judge(kind, self.name, &truth, vec![(Direction::Gradient, direction)])
    }

    /// What the gradient is multiplied by before the optimizer sees it; `None` if the norm was not recorded.
    fn clipping(&self) -> Result<Option<f64>, SuiteError> {
        let Some(most) = self.before.config.training.optim.clip_grad else { return Ok(Some(1.0)) };
        let norm = self.recorded(Kind::GradNorm, submodule_of(self.name).0)?;
        Ok(norm.and_then(|norm| norm.values.first().map(|norm| (most / (norm + clip::EPS)).min(1.0))))
    }

    /// The parameter, from the recorded moments.
    fn parameter(&mut self) -> Result<(), SuiteError> {
        let moments = (self.recorded(Kind::ExpAvg, self.name)?, self.recorded(Kind::ExpAvgSq, self.name)?);
        let (Some(first), Some(second)) = moments else { return Ok(()) };
        let (beta1, beta2) = self.before.config.training.optim.betas;
        let (lr, weight_decay) = self.before.rates(self.i);
        let count = (self.before.steps + 1) as f64;
        let before = every(values(&self.before.student[self.i]), first.stride);
        let steps =
            corrections(beta1, count).into_iter().zip(corrections(beta2, count)).map(|(first_by, second_by)| {
                let (step_size, correction) = (lr / first_by, second_by.sqrt());
                let step = |(m, v): (&f64, &f64)| -step_size * m / (v.sqrt() / correction + adamw::EPS);
                first.values.iter().zip(&second.values).map(step).collect::<Vec<f64>>()
            });
        let [steps, in_float32] = steps.collect::<Vec<_>>().try_into().expect("two corrections, two steps");
        let Some(stored) = self.recording.stored(&Kind::Param.of(self.name).to_string())? else { return Ok(()) };
        let after = |steps: &[f64]| -> Vec<f64> {
            before.iter().zip(steps).map(|(before, step)| before * (1.0 - lr * weight_decay) + step).collect()
        };
        let truth = nearest([after(&steps), after(&in_float32)], &stored.values());
        let decay = if weight_decay == 0.0 { self.before.settings.weight_decay } else { weight_decay };
        let decay = before.iter().map(|before| -lr * decay * before).collect();
        let directions = vec![(Direction::Step, steps), (Direction::Decay, decay)];
        self.judge(Kind::Param, self.name, &truth, directions)
    }

    /// The average, from the recorded student.
    fn average(&mut self) -> Result<(), SuiteError> {
        let teacher = of_teacher(self.name);
        let Some(before) = self.before.teacher.get(&teacher) else { return Ok(()) };
        let Some(student) = self.recorded(Kind::Param, self.name)? else { return Ok(()) };
        let momentum = self.before.settings.momentum;
        let before = every(values(before), student.stride);
        let added: Vec<f64> = student.values.iter().map(|student| (1.0 - momentum) * student).collect();
        let truth: Vec<f64> = before.iter().zip(&added).map(|(before, added)| momentum * before + added).collect();
        self.judge(Kind::Param, &teacher, &truth, vec![(Direction::Student, added)])
    }

    fn judge(
        &mut self,
        kind: Kind,
        name: &str,
        truth: &[f64],
        directions: Vec<(Direction, Vec<f64>)>,
    ) -> Result<(), SuiteError> {
        let name = kind.of(name).to_string();
        let Some(stored) = self.recording.stored(&name)? else { return Ok(()) };
        let probes: Vec<Probe> = directions.iter().map(|(_, direction)| Probe { direction }).collect();
        // Weights and moments are float32 at every precision, whatever their values happen to be.
        let Some(error) = own_error(stored.view(), truth, stored.dtype, &probes) else { return Ok(()) };
        let mistakes = directions.iter().map(|(direction, _)| Mistake::Update(*direction)).collect();
        let stage: Stage = stored.stage;
        self.own.push(Own { name, stage, operation: Operation::Update, error, mistakes, span: Vec::new() });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On an H200 every parameter's second step was 1 - 1.0022943939e-5 times what float64 gives.
    #[test]
    fn a_correction_of_bias_in_float32_is_right() {
        let step = |second: f64, first: f64| second.sqrt() / first;
        let ([first, first32], [second, second32]) = (corrections(0.9, 2.0), corrections(0.999, 2.0));
        let seen = step(second32, first32) / step(second, first) - 1.0;
        assert!((seen + 1.002_294e-5).abs() < 2e-7, "{seen}");
    }

    /// On an H200 `exp_avg_sq` of a first step was 1 - 1.29e-5 times what float64 gives, for all parameters alike.
    #[test]
    fn a_complement_in_float32_is_right_and_another_factor_is_not() {
        let gradients = [0.3, -2.0, 0.01];
        let truths = || complements(0.999).map(|rest| gradients.map(|g| rest * g * g).to_vec());
        let on_cuda = gradients.map(|g| f64::from(0.000_999_987_f32) * g * g);
        let near = nearest(truths(), &on_cuda);
        assert!((near[1] / on_cuda[1] - 1.0).abs() < 1e-6);
        assert!((truths()[0][1] / on_cuda[1] - 1.0).abs() > 1.2e-5);
        let wrong = on_cuda.map(|it| it * 1.01);
        assert!((nearest(truths(), &wrong)[1] / wrong[1] - 1.0).abs() > 9e-3);
    }
}
